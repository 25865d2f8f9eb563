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
  const candidates = rankedCandidates(table, envelope);
  const test = createTest(envelope);
  for (const match of candidates) {
    const held = test(match);
    if (held === false || earlierRule(candidates, match, test) !== undefined) continue;
    return held === true ? { match } : { match, failure: held.error };
  }
  return undefined;
}

/** The matches whose fields hold, those that win first at the top. */
export function rankedCandidates(table: RouteTable, envelope: Envelope): readonly CompiledMatch[] {
  const candidates = table.index.find(envelope);
  return candidates.length > 1 ? candidates.sort(compareMatches) : candidates;
}

/** Whether a match whose fields hold also holds by its expression. */
export type Test = (match: CompiledMatch) => boolean | { readonly error: string };

/** A test that evaluates each expression once. */
export function createTest(envelope: Envelope): Test {
  let known: Map<CompiledMatch, ReturnType<Test>> | undefined;
  return (match) => {
    if (match.expression === undefined) return true;
    known ??= new Map();
    let held = known.get(match);
    if (held === undefined) {
      held = match.expression.evaluate(envelope);
      known.set(match, held);
    }
    return held;
  };
}

/** A match of an earlier rule of the same Route, when one holds: then the Route competes with that rule. */
export function earlierRule(
  candidates: readonly CompiledMatch[],
  { route, rulePosition }: CompiledMatch,
  test: Test,
): CompiledMatch | undefined {
  if (rulePosition === 0 || candidates.length === 1) return undefined;
  return candidates.find(
    (other) => other.route === route && other.rulePosition < rulePosition && test(other) !== false,
  );
}
