import { z } from 'zod';

/** A string of `min` to `max` characters. Characters are code points, as the API server counts them. */
export function text(max: number, description: string, min = 1) {
  return z
    .string()
    .refine((value) => characters(value) >= min, {
      message: `must have at least ${min} character${min === 1 ? '' : 's'}`,
    })
    .refine((value) => characters(value) <= max, { message: `must have at most ${max} characters` })
    .meta({ description, ...(min > 0 ? { minLength: min } : {}), maxLength: max });
}

/** A string of at most `max` characters that matches a pattern which JavaScript and RE2 read alike; `form` says the pattern in words. */
export function patterned(pattern: RegExp, max: number, form: string, description: string) {
  return text(max, description).regex(pattern, { message: form });
}

/** A chat, user or other id of a platform. */
export function id(description: string) {
  return text(256, description);
}

/** A DNS label of at most `max` characters. */
export function label(description: string, max = maxNameLength) {
  return patterned(
    dnsLabel,
    max,
    `must be lower-case letters, digits and '-', and start and end with a letter or digit`,
    description,
  );
}

/** The name of a Kubernetes object of any kind. */
export function objectName(description: string) {
  return patterned(
    dnsSubdomain,
    253,
    'must be the name of a Kubernetes object (lower-case letters, digits, "-" and ".")',
    description,
  );
}

/** An http or https address. */
export function httpURL(description: string) {
  return patterned(
    /^https?:\/\/[A-Za-z0-9.:_[\]-]+([/?#][!-~]*)?$/,
    2048,
    'must be an http:// or https:// address without user name or password',
    description,
  );
}

/** A whole number between two bounds, both included. */
export function integer(min: number, max: number, description: string) {
  return z.int().min(min).max(max).meta({ description, format: 'int64' });
}

/** A number between two bounds, both included. */
export function decimal(min: number, max: number, description: string) {
  return z.number().min(min).max(max).meta({ description });
}

/** true or false. */
export function flag(description: string) {
  return z.boolean().meta({ description });
}

/** One of a fixed set of words. */
export function choice<const T extends readonly [string, ...string[]]>(values: T, description: string) {
  return z.enum(values).meta({ description });
}

/** An object of named fields. */
export function fields<T extends z.ZodRawShape>(shape: T, description: string) {
  return z.object(shape).meta({ description });
}

/** A list that is replaced as a whole. */
export function atomicList<T extends z.ZodType>(item: T, bounds: Bounds, description: string) {
  return z
    .array(item)
    .min(bounds.min ?? 0)
    .max(bounds.max)
    .meta({ description, 'x-kubernetes-list-type': 'atomic' });
}

/** A list of different strings, each of which can be owned by another field manager. */
export function setList<T extends z.ZodType<string>>(item: T, bounds: Bounds, description: string) {
  return z
    .array(item)
    .min(bounds.min ?? 0)
    .max(bounds.max)
    .superRefine((items, context) => reportDuplicates(items, context))
    .meta({ description, 'x-kubernetes-list-type': 'set' });
}

/** A list of objects, each known by one of its fields, which no two of them share. */
export function mapList<T extends z.ZodType<Readonly<Record<K, string>>>, const K extends string>(
  item: T,
  key: K,
  bounds: Bounds,
  description: string,
) {
  return z
    .array(item)
    .min(bounds.min ?? 0)
    .max(bounds.max)
    .superRefine((items, context) =>
      reportDuplicates(
        items.map((entry) => entry[key]),
        context,
      ),
    )
    .meta({ description, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** Marks the issue of an entry that a list holds twice. */
export const duplicate = { reason: 'Duplicate' };

/** Names of the three kinds, of rules, accounts and the like: they become volume names, label values and model names. */
export const maxNameLength = 40;

/** A DNS label, without a bound on its length. */
export const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

interface Bounds {
  readonly min?: number;
  readonly max: number;
}

interface IssueSink {
  readonly addIssue: (issue: {
    readonly code: 'custom';
    readonly path: number[];
    readonly message: string;
    readonly params: typeof duplicate;
  }) => void;
}

function characters(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

function reportDuplicates(keys: readonly string[], context: IssueSink): void {
  for (const [index, key] of keys.entries()) {
    if (keys.indexOf(key) === index) continue;
    context.addIssue({ code: 'custom', path: [index], message: `"${key}" is in the list twice`, params: duplicate });
  }
}
