import type { CompiledMatch, RouteTable } from './compile.ts';
import type { Refusal } from './outcome.ts';
import { type Resolution, type ResolveQuery, resolve } from './resolve.ts';
import { createTest, earlierRule, rankedCandidates, selectRule, type Test, type Winner } from './select.ts';

/** What `resolve` answers, and which rules took part in it. */
export interface Explanation {
  readonly outcome: Resolution | Refusal;
  /** The matches whose fields hold, in the order of precedence; at most `maxCandidates`, and always the one that won. */
  readonly candidates: readonly Candidate[];
  /** How many more there were. */
  readonly omitted: number;
}

export interface Candidate {
  readonly route: string;
  readonly rule: string;
  /** Place of the match in its rule, from 0. */
  readonly match: number;
  readonly priority: number;
  readonly specificity: number;
  /** `won`: the outcome is this rule's. `no-match`: its fields hold, its expression does not. */
  readonly verdict: 'won' | 'lost' | 'no-match';
  /** Why it won, lost or did not match. */
  readonly why: string;
}

export const maxCandidates = 50;

/** Explains what `resolve` decides for this query: the outcome is that of `resolve` itself. */
export function explain(table: RouteTable, query: ResolveQuery): Explanation {
  const outcome = resolve(table, query);
  const { envelope } = query;
  const winner = selectRule(table, envelope);
  const all = rankedCandidates(table, envelope);
  const test = createTest(envelope);
  const candidates = listed(all, winner).map((match) => toCandidate(match, all, test, { outcome, winner }));
  return { outcome, candidates, omitted: all.length - candidates.length };
}

interface Decision {
  readonly outcome: Resolution | Refusal;
  readonly winner: Winner | undefined;
}

function listed(all: readonly CompiledMatch[], winner: Winner | undefined): readonly CompiledMatch[] {
  const first = all.slice(0, maxCandidates);
  if (winner === undefined || first.includes(winner.match)) return first;
  return [...first.slice(0, -1), winner.match];
}

function toCandidate(
  match: CompiledMatch,
  all: readonly CompiledMatch[],
  test: Test,
  { outcome, winner }: Decision,
): Candidate {
  const { route, rule, position, specificity } = match;
  const candidate = {
    route: route.name,
    rule: rule.entry.name,
    match: position,
    priority: route.priority,
    specificity,
  };
  if (test(match) === false) return { ...candidate, verdict: 'no-match', why: 'its expression is false' };
  if (winner === undefined) throw new Error('a match holds, yet no rule won');
  const isWinner = match === winner.match;
  if (isWinner && outcome.route !== undefined) return { ...candidate, verdict: 'won', why: whyWon(winner, all) };
  const why = isWinner ? `no rule was asked: ${outcome.reason}` : whyLost(match, winner.match, all, test);
  return { ...candidate, verdict: 'lost', why };
}

function whyWon({ failure }: Winner, all: readonly CompiledMatch[]): string {
  if (failure !== undefined) return `its expression failed, which counts as a match and refuses: ${failure}`;
  return all.length === 1 ? 'no other rule matches' : 'it goes before all others that match';
}

/** The first point, in the order of precedence, in which a match that holds stands behind the winning one. */
function whyLost(match: CompiledMatch, winner: CompiledMatch, all: readonly CompiledMatch[], test: Test): string {
  if (match.rule === winner.rule) return 'another match of the same rule is more specific, or written before';
  const earlier = earlierRule(all, match, test);
  if (earlier !== undefined)
    return `rule "${earlier.rule.entry.name}" is written before it in the same Route and matches`;
  const { route, specificity } = winner;
  if (match.route.priority < route.priority) return `its priority ${match.route.priority} is below ${route.priority}`;
  if (match.specificity < specificity) return `its specificity ${match.specificity} is below ${specificity}`;
  if (match.route.createdAt > route.createdAt) return `Route "${route.name}" is older`;
  return `Route "${route.name}" is as old and has the lower name`;
}
