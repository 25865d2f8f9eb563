import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import { sessionBusy } from '../sessions/refusals.ts';
import type { WorkerLease } from '../worker/lease.ts';
import { continueRun } from './begin-turn.ts';
import type { TurnEnding } from './finish-turn.ts';
import type { StoredTurnsOptions } from './turn-request.ts';

/** A run that waits in the queue of its session. */
export interface WaitingTurn {
  readonly resolution: Resolution;
  readonly session: string;
  readonly run: string;
  readonly lease: WorkerLease;
  readonly about: TurnEnding['about'];
}

/**
 * Waits until no other turn of the session is active and none has waited longer, at most as long as a turn may take, and
 * gives the history then. A run that does not start is cancelled. Throws `session_busy`, `state_unavailable`, or the
 * signal's reason when the client goes away.
 */
export async function waitForTurn(
  options: StoredTurnsOptions,
  turn: WaitingTurn,
  clientSignal: AbortSignal,
): Promise<readonly unknown[]> {
  const { lease, run, session, resolution } = turn;
  const { limits, sessions } = resolution.agent;
  const timeout = AbortSignal.timeout(limits.turnTimeoutSeconds * 1_000);
  const signal = AbortSignal.any([clientSignal, lease.signal, timeout]);
  using others = options.hints.follow('session', session);
  let isGone = false;
  try {
    while (!signal.aborted && !isGone) {
      const outcome = await continueRun(options.database, run, lease.id, sessions.maxHistoryMessages);
      if (outcome !== 'queued' && outcome !== 'gone') return outcome;
      isGone = outcome === 'gone';
      if (!isGone) await others.next(signal);
    }
  } catch (error) {
    options.finisher.abandon({ run, worker: lease.id });
    throw error;
  }
  if (isGone) throw interrupted();
  await options.finisher.finish({ run, worker: lease.id, ...gaveUp, about: turn.about }).catch(() => undefined);
  throw whyItGaveUp(clientSignal, lease);
}

const gaveUp = {
  status: 'cancelled',
  errorCode: 'session_busy',
  errorMessage: 'it waited in vain for its session',
} as const;

function whyItGaveUp(clientSignal: AbortSignal, lease: WorkerLease): unknown {
  if (clientSignal.aborted) return clientSignal.reason;
  if (!lease.signal.aborted) return sessionBusy();
  return new TalariaError(
    'state_unavailable',
    'The database could not be reached while the turn waited for its session; it did not begin. Try again shortly.',
  );
}

function interrupted(): TalariaError {
  return new TalariaError(
    'run_interrupted',
    'The turn was cancelled while it waited for its session; it did not begin. Send it again if it is still wanted.',
  );
}
