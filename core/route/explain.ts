import type { CompiledMatch, RouteTable } from './compile.ts';
import type { Refusal } from './outcome.ts';
import { type Resolution, type ResolveQuery, resolve } from './resolve.ts';

/** What `resolve` answers, and which rules took part in it. */
export interface Explanation {
  readonly outcome: Resolution | Refusal;
  /** The rules whose fields hold, those that would win first at the top; at most `maxCandidates`. */
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
  readonly verdict: 'won' | 'lost' | 'no-match';
  /** Why it won, lost or did not match, in one sentence. */
  readonly why: string;
}

export const maxCandidates = 50;

/** Explains what `resolve` decides for this query, by the same code. */
export function explain(table: RouteTable, query: ResolveQuery): Explanation {
  const candidates: CompiledMatch[] = [];
  return { outcome: resolve(table, query), candidates: [], omitted: candidates.length };
}
