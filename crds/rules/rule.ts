import type { Kind } from '../common.ts';

/**
 * A rule that the API server enforces by CEL. The same rule stands here twice, as CEL text for the CRD and as a function
 * for `talaria validate` and standalone mode; a test on a real API server compares the two.
 */
export interface RefusedRule {
  readonly verdict: 'Refused';
  readonly name: string;
  readonly kind: Kind;
  /** The nodes of the schema that carry the rule: '' is the root, `[]` stands behind a list, as in `spec.rules[].matches[]`. */
  readonly at: readonly string[];
  /** The field below the node that is reported, in the notation of `fieldPath`; the node itself when absent. */
  readonly field?: string;
  /** CEL that Kubernetes 1.30 has. A rule that says `oldSelf` compares with the stored object. */
  readonly cel: string;
  /** The same rule: `self` is the node with its defaults applied, `oldSelf` the stored node when the CEL says `oldSelf`. */
  readonly holds: (self: never, oldSelf: never) => boolean;
  readonly message: string;
  readonly cure: string;
  /** A message for this very value, with its cure, where one can be given. */
  readonly detail?: (self: never) => string | undefined;
}

/** Types `holds` by the node it is about. */
export function refused<Self>(
  rule: Omit<RefusedRule, 'verdict' | 'holds' | 'detail'> & {
    readonly holds: (self: Self, oldSelf: Self) => boolean;
    readonly detail?: (self: Self) => string | undefined;
  },
): RefusedRule {
  return { verdict: 'Refused', ...rule };
}

/** Whether the rule compares with the stored object, and so says nothing about a new one. */
export function isTransition(rule: RefusedRule): boolean {
  return rule.cel.includes('oldSelf');
}

/** The text of the rule in the CRD, which `kubectl` prints. */
export function crdMessage(rule: RefusedRule): string {
  return `${rule.message}; ${rule.cure}`;
}

/** Messages of parsers end with their cure after the last semicolon. */
export function splitCure(text: string): { readonly message: string; readonly cure: string } {
  const at = text.lastIndexOf('; ');
  return at < 0 ? { message: text, cure: '' } : { message: text.slice(0, at), cure: text.slice(at + 2) };
}
