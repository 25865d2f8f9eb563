import type { Kind } from '../common.ts';
import { dnsLabel, maxNameLength } from '../field.ts';
import { type RefusedRule, refused } from './rule.ts';

interface Named {
  readonly metadata: { readonly name: string };
}

interface TextSource {
  readonly inline?: string | undefined;
  readonly configMapKeyRef?: object | undefined;
}

/** Names of all three kinds become volume names, label values and model names, so they are short DNS labels. */
export function nameRule(kind: Kind): RefusedRule {
  return refused<Named>({
    name: 'name-is-short-label',
    kind,
    at: [''],
    field: '.metadata.name',
    cel: `size(self.metadata.name) <= ${maxNameLength} && self.metadata.name.matches('${dnsLabel.source}')`,
    holds: (self) => self.metadata.name.length <= maxNameLength && dnsLabel.test(self.metadata.name),
    message: `the name must be a DNS label of at most ${maxNameLength} characters`,
    cure: "use lower-case letters, digits and '-', and start and end with a letter or digit",
  });
}

/** A text is written in place or kept in a ConfigMap. */
export function textSourceRule(kind: Kind, at: readonly string[]): RefusedRule {
  return refused<TextSource>({
    name: 'one-text-source',
    kind,
    at,
    cel: 'has(self.inline) != has(self.configMapKeyRef)',
    holds: (self) => (self.inline === undefined) !== (self.configMapKeyRef === undefined),
    message: 'exactly one of inline and configMapKeyRef must be set',
    cure: 'write the text in inline, or name the ConfigMap and key that hold it',
  });
}
