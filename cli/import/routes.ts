import { type Draft, toLabel } from './draft.ts';

/** A rule that is to be part of a Route. */
export interface RuleDraft {
  readonly name: string;
  readonly matches: readonly Readonly<Record<string, unknown>>[];
  readonly agent: string;
}

const rulesOfRoute = 64;

/** Adds Routes in which the first rule that matches wins, over all of them. */
export function addRoutes(draft: Draft, name: string, rules: readonly RuleDraft[]): void {
  const parts = Array.from({ length: Math.ceil(rules.length / rulesOfRoute) }, (_, at) =>
    rules.slice(at * rulesOfRoute, (at + 1) * rulesOfRoute),
  );
  for (const [at, part] of parts.entries()) {
    const title = parts.length === 1 ? name : `${name}-${at + 1}`;
    draft.add('Route', draft.name('Route', title, name), {
      ...(parts.length === 1 ? {} : { priority: parts.length - at }),
      rules: uniqueNames(part).map(({ name, matches, agent }) => ({ name, matches, agentRefs: [{ name: agent }] })),
    });
  }
}

function uniqueNames(rules: readonly RuleDraft[]): readonly RuleDraft[] {
  const seen = new Map<string, number>();
  return rules.map((rule) => {
    const label = toLabel(rule.name);
    const count = (seen.get(label) ?? 0) + 1;
    seen.set(label, count);
    return { ...rule, name: count === 1 ? label : `${label.slice(0, 36).replace(/-+$/, '')}-${count}` };
  });
}
