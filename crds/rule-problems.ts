import type { Kind } from './common.ts';
import { nodesAt, type Problem, pathText, valueAt } from './problem.ts';
import { isTransition, type RefusedRule, splitCure } from './rules/rule.ts';
import { rules } from './rules.ts';

/**
 * What the CEL rules of a kind say about an object with its defaults applied. Rules that compare with the stored object
 * are asked only when there is one.
 */
export function ruleProblems(kind: Kind, object: unknown, old: unknown): readonly Problem[] {
  return rules[kind].refused.flatMap((rule) => rule.at.flatMap((pattern) => check(rule, pattern, object, old)));
}

function check(rule: RefusedRule, pattern: string, object: unknown, old: unknown): Problem[] {
  return nodesAt(object, pattern).flatMap(([path, self]) => {
    const oldSelf = isTransition(rule) ? valueAt(old, path) : undefined;
    if (isTransition(rule) && oldSelf === undefined) return [];
    if (rule.holds(self as never, oldSelf as never)) return [];
    return [
      { path: `${pathText(path)}${rule.field ?? ''}`.replace(/^\./, ''), reason: 'Invalid', ...words(rule, self) },
    ];
  });
}

function words(rule: RefusedRule, self: unknown): { message: string; cure: string } {
  const detail = rule.detail?.(self as never);
  return detail === undefined ? { message: rule.message, cure: rule.cure } : splitCure(detail);
}
