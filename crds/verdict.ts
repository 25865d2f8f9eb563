import { closest } from '../core/lib/closest.ts';
import { apiVersion, type Kind, kinds } from './common.ts';
import { isRecord, type Problem } from './problem.ts';
import { ruleProblems } from './rule-problems.ts';
import type { AcceptanceRule, Finding } from './rules/acceptance-rules.ts';
import { type ObjectOf, rules } from './rules.ts';
import { schemaProblems } from './schema-problems.ts';
import { asStored } from './stored-form.ts';
import { kindSchemas, structuralSchema } from './structural-schema.ts';
import { unknownFields } from './unknown-fields.ts';

/** An Agent, a Route or a CronJob with its defaults applied. */
export type TalariaObject = ObjectOf[Kind];

/** What becomes of a document: refused by the API server, stored but not acted on, or accepted. */
export interface Verdict {
  readonly verdict: 'Refused' | 'NotAccepted' | 'Accepted';
  /** Empty when accepted. */
  readonly problems: readonly Problem[];
  /** The object with its defaults applied; absent when refused. */
  readonly object?: TalariaObject;
}

/**
 * Judges one document as the API server and the operator together would when `kubectl apply` sends it: strict about
 * unknown fields. `old` is the stored object, for the rules that compare with it.
 */
export async function verdict(document: unknown, old?: unknown): Promise<Verdict> {
  const kind = kindOf(document);
  if (typeof kind !== 'string') return { verdict: 'Refused', problems: [kind] };
  const unknown = unknownFields(document, structuralSchema(kind));
  const parsed = kindSchemas[kind].safeParse(asStored(document, structuralSchema(kind)));
  if (!parsed.success) {
    return { verdict: 'Refused', problems: [...unknown, ...schemaProblems(document, parsed.error)] };
  }
  const object: TalariaObject = parsed.data;
  const refused = [...unknown, ...ruleProblems(kind, object, oldObject(kind, old))];
  if (refused.length > 0) return { verdict: 'Refused', problems: refused };
  const problems = await acceptance(object);
  return { verdict: problems.length > 0 ? 'NotAccepted' : 'Accepted', problems, object };
}

/**
 * Why the operator does not accept an object that the API server stored; empty when it does. The first problem gives the
 * condition Accepted its reason and message.
 */
export async function acceptance(object: TalariaObject): Promise<readonly AcceptanceProblem[]> {
  const found = await Promise.all(acceptanceRules(object.kind).map((rule) => rule.check(object)));
  return found.flat();
}

/** A problem whose reason is one of the condition Accepted. */
export type AcceptanceProblem = Finding;

function acceptanceRules(kind: Kind): readonly AcceptanceRule<TalariaObject>[] {
  return rules[kind].notAccepted as readonly AcceptanceRule<never>[] as readonly AcceptanceRule<TalariaObject>[];
}

/** The kind of a document, or why it has none. */
function kindOf(document: unknown): Kind | Problem {
  if (!isRecord(document)) {
    return {
      path: '',
      reason: 'Invalid',
      message: 'the document is not an object',
      cure: 'write apiVersion, kind, metadata and spec',
    };
  }
  const version = oneOf('apiVersion', document.apiVersion, [apiVersion]);
  if (typeof version !== 'string') return version;
  return oneOf('kind', document.kind, Object.keys(kinds) as Kind[]);
}

function oneOf<T extends string>(path: string, value: unknown, known: readonly T[]): T | Problem {
  const found = known.find((name) => name === value);
  if (found !== undefined) return found;
  const near = closest(String(value), known);
  const message = `${path} must be ${known.join(', ')}, got ${value === undefined ? 'nothing' : `"${String(value)}"`}`;
  return {
    path,
    reason: 'NotSupported',
    message,
    cure: near === undefined ? `write ${known.join(' or ')}` : `did you mean ${near}?`,
  };
}

/** The stored object with its defaults, so that it compares with a new one; undefined when it is of another kind. */
function oldObject(kind: Kind, old: unknown): unknown {
  if (old === undefined || kindOf(old) !== kind) return undefined;
  const parsed = kindSchemas[kind].safeParse(asStored(old, structuralSchema(kind)));
  return parsed.success ? parsed.data : undefined;
}
