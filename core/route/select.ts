import type { CompiledMatch, RouteTable } from './compile.ts';
import type { Envelope } from './envelope.ts';
import { compareMatches } from './order.ts';

/** The match that decides, and why its expression could not be evaluated, if so: then the rule matched and refuses. */
export interface Winner {
  readonly match: CompiledMatch;
  readonly failure?: string;
}

/**
 * The rule that wins for this envelope. Inside one Route the first matching rule in written order wins, and the Route
 * competes with that rule's most specific match. An expression that fails counts as matched. Expressions are evaluated
 * only as far as the decision needs.
 */
export function selectRule(table: RouteTable, envelope: Envelope): Winner | undefined {
  const candidates = table.index.find(envelope);
  if (candidates.length > 1) candidates.sort(compareMatches);
  const test = createTest(envelope);
  for (const match of candidates) {
    const held = test(match);
    if (held === false || earlierRuleHolds(candidates, match, test)) continue;
    return held === true ? { match } : { match, failure: held.error };
  }
  return undefined;
}

/** Whether a match whose fields hold also holds by its expression; each expression is evaluated once. */
export type Test = (match: CompiledMatch) => boolean | { readonly error: string };

export function createTest(envelope: Envelope): Test {
  const known = new Map<CompiledMatch, ReturnType<Test>>();
  return (match) => {
    if (match.expression === undefined) return true;
    let held = known.get(match);
    if (held === undefined) {
      held = match.expression.evaluate(envelope);
      known.set(match, held);
    }
    return held;
  };
}

/** Whether an earlier rule of the same Route matches: then this match's rule is not the one its Route competes with. */
export function earlierRuleHolds(candidates: readonly CompiledMatch[], match: CompiledMatch, test: Test): boolean {
  if (match.rulePosition === 0) return false;
  return candidates.some(
    (other) => other.route === match.route && other.rulePosition < match.rulePosition && test(other) !== false,
  );
}
