import type { Explanation } from './explain.ts';
import type { Via } from './outcome.ts';

/** An explanation as every part of Talaria tells it: the admin API, and the command line with a cluster and without. */
export type ToldExplanation = Pick<Explanation, 'candidates' | 'omitted'> & {
  readonly route: string | undefined;
  readonly rule: string | undefined;
  readonly reason: string;
} & (
    | { readonly outcome: 'resolved'; readonly agent: string; readonly via: Via }
    | {
        readonly outcome: 'refused';
        readonly code: string;
        readonly message: string;
        /** Who was chosen and may not serve. */
        readonly agent: string | undefined;
      }
  );

/** Tells an explanation: names and reasons, nothing of an Agent's own. */
export function toldExplanation({ outcome, candidates, omitted }: Explanation): ToldExplanation {
  const { agentName, route, rule, reason } = outcome;
  const rest = { route, rule, reason, candidates, omitted };
  if (outcome.kind === 'resolved') return { outcome: 'resolved', agent: outcome.agentName, via: outcome.via, ...rest };
  const { code, message } = outcome;
  return { outcome: 'refused', code, message, agent: agentName, ...rest };
}
