import { z } from 'zod';
import { closest } from '../../core/lib/closest.ts';
import { TalariaError } from '../../core/lib/errors.ts';

/**
 * A request's body, or query, as its schema reads it. Throws TalariaError for the first thing that does not fit, which it names:
 * `unsupported_field` for a field that the API knows and this gateway does not act on, or has never heard of;
 * `invalid_request` for everything else.
 */
export function readBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body === undefined ? {} : body);
  if (result.success) return result.data;
  throw firstProblem(result.error, knownFields(schema));
}

/** A field that this version knows and does not act on: only values that ask for nothing are taken. */
export function asksNothing(neutral: readonly unknown[] = []) {
  return z
    .unknown()
    .refine((value) => asksForNothing(value) || neutral.includes(value), { params: { unsupported: true } })
    .meta({ description: 'Not acted on: any other value is refused.', enum: [null, false, [], {}, ...neutral] })
    .optional();
}

/** Whether a value is as good as an absent one: null, false, an empty list or object. */
export function asksForNothing(value: unknown): boolean {
  return value === null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** A JSON object that is handed on, in so far as it is not nested so deep that whoever walks over it overflows. */
export function handedOn() {
  return z
    .record(z.string(), z.unknown())
    .refine((value) => isShallow(value, maxDepth), `it is nested deeper than ${maxDepth} levels`);
}

/** A whole number in a query, which is text on the wire. */
export function countInQuery(most: number, otherwise: number) {
  const meta = { type: 'integer', minimum: 1, maximum: most, default: otherwise };
  return z.coerce.number().int().min(1).max(most).default(otherwise).meta(meta);
}

/** The refusal of a field that this gateway does not act on. */
export function unsupported(field: string, cure = 'Leave it out.'): TalariaError {
  return new TalariaError('unsupported_field', `This gateway does not act on \`${field}\`. ${cure}`, { param: field });
}

type Defined<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** The fields that are neither undefined nor null. */
export function withoutAbsent<T extends object>(fields: T): Defined<T> {
  const present: Defined<T> = {};
  for (const name of Object.keys(fields) as (keyof T)[]) {
    const value = fields[name];
    if (value !== undefined && value !== null) present[name] = value;
  }
  return present;
}

const maxDepth = 64;

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
}

function knownFields(schema: z.ZodType): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function firstProblem(error: z.ZodError, known: readonly string[]): TalariaError {
  const issue = error.issues[0];
  if (issue === undefined) return new TalariaError('invalid_request', 'The body is not valid.');
  const path = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const field = pathText([...issue.path, issue.keys[0] ?? '']);
    const near = issue.path.length === 0 ? closest(field, known) : undefined;
    return unsupported(field.slice(0, 200), near === undefined ? undefined : `Did you mean \`${near}\`?`);
  }
  if (issue.code === 'custom' && issue.params?.unsupported === true) return unsupported(path);
  const where = path === '' ? 'The body' : path;
  return new TalariaError('invalid_request', `${where}: ${issue.message}.`, path === '' ? {} : { param: path });
}

/** As in `messages[0].content`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`))
    .join('');
}
