import type { Principal } from '../../core/route/principal.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Acquired } from './bounds.ts';
import type { Limits } from './limits.ts';
import { freePermit, type Permit } from './permit.ts';

/** Takes the permit for a turn of this agent, once resolution has named it and before anything of the turn is written. */
export type AcquirePermit = (agent: AgentEntry) => void | Promise<void>;

/** The one permit of a request, whose agent may turn out to be another while its turn begins. */
export interface RequestPermit {
  /** Throws as Limits.acquire. For another agent than before it takes the place of that permit. */
  readonly acquire: AcquirePermit;
  /** Whether anything is bounded; false before `acquire`. */
  readonly isBounded: () => boolean;
  /** The `x-ratelimit-*` headers; none before `acquire`. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly used: (tokens: number) => void;
  readonly release: () => void;
  /** Instead of `release`, when the turn did not begin. */
  readonly cancel: () => void;
}

/** Makes one that holds nothing yet. */
export function createRequestPermit(limits: Limits, principal: Principal, what?: Acquired): RequestPermit {
  let held: { readonly agent: string; readonly permit: Permit } | undefined;
  return {
    acquire: (agent) => {
      if (held?.agent === agent.name) return;
      held?.permit.cancel();
      held = undefined;
      const hold = (permit: Permit) => {
        held = { agent: agent.name, permit };
      };
      const permit = limits.acquire(agent, principal, what);
      return permit instanceof Promise ? permit.then(hold) : hold(permit);
    },
    isBounded: () => held !== undefined && held.permit !== freePermit,
    headers: () => held?.permit.headers ?? {},
    used: (tokens) => held?.permit.used(tokens),
    release: () => held?.permit.release(),
    cancel: () => held?.permit.cancel(),
  };
}
