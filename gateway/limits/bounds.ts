import type { Principal } from '../../core/route/principal.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';

/** A minute and a day are those of UTC; `maxConcurrentRuns` is of Agents alone. */
export type BoundName = 'requestsPerMinute' | 'tokensPerDay' | 'maxConcurrentRuns';

/** Whose bound it is: an Agent's has no principal, a key's no agent; '' stands for none. */
export interface BoundId {
  readonly name: BoundName;
  readonly agent: string;
  readonly principal: string;
}

export interface Bound extends BoundId {
  readonly maximum: number;
}

/**
 * What is acquired: a request, the run that it asks for, or both at once. Tokens bound each of them.
 */
export type Acquired = 'request' | 'run' | 'both';

/** Every bound that this agent must keep for this principal; usually there is none. */
export function boundsOf(agent: AgentEntry, principal: Principal | undefined, what: Acquired): readonly Bound[] {
  const { requestsPerMinute, tokensPerDay, maxConcurrentRuns } = agent.limits;
  const ofKey = principal?.limits;
  if (
    requestsPerMinute === undefined &&
    tokensPerDay === undefined &&
    maxConcurrentRuns === undefined &&
    ofKey === undefined
  ) {
    return none;
  }
  const bounds: Bound[] = [];
  const add = (name: BoundName, owner: Omit<BoundId, 'name'>, maximum: number | undefined) => {
    if (maximum !== undefined && what !== leaves[name]) bounds.push({ name, ...owner, maximum });
  };
  const ofAgent = { agent: agent.name, principal: '' };
  add('tokensPerDay', ofAgent, tokensPerDay);
  add('requestsPerMinute', ofAgent, requestsPerMinute);
  add('maxConcurrentRuns', ofAgent, maxConcurrentRuns);
  if (principal !== undefined) {
    const ofPrincipal = { agent: '', principal: principal.id };
    add('tokensPerDay', ofPrincipal, ofKey?.tokensPerDay);
    add('requestsPerMinute', ofPrincipal, ofKey?.requestsPerMinute);
  }
  return bounds;
}

const none: readonly Bound[] = [];

/** What a bound does not concern. */
const leaves: Readonly<Record<BoundName, Acquired | undefined>> = {
  requestsPerMinute: 'run',
  maxConcurrentRuns: 'request',
  tokensPerDay: undefined,
};
