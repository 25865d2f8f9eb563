import type { Clock } from '../../core/lib/clock.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import { within } from '../../core/lib/within.ts';

/** Lets work on the volume of an agent begin, and gives up on work that takes too long. */
export type VolumeGate = <T>(agent: string, work: () => Promise<T>) => Promise<T>;

/** A process has few threads for files, and a volume whose server is gone holds them for ever: two are never all. */
const mostAtOnce = 2;
const patienceMs = 5_000;

/**
 * Makes a gate: one piece of work for an agent and two for all at once. Throws `state_unavailable` when none may begin, or one
 * does not end, in 5 s; what does not end keeps its place, so that other agents go on beside one volume that hangs.
 */
export function createVolumeGate(clock: Clock): VolumeGate {
  const busy = new Set<string>();
  let freed = Promise.withResolvers<void>();

  const enter = async (agent: string): Promise<void> => {
    const endsAt = clock.monotonic() + patienceMs;
    while (busy.has(agent) || busy.size >= mostAtOnce) {
      const leftMs = endsAt - clock.monotonic();
      if (leftMs <= 0) throw unavailable();
      await within(freed.promise, leftMs);
    }
    busy.add(agent);
  };

  const leave = (agent: string): void => {
    busy.delete(agent);
    freed.resolve();
    freed = Promise.withResolvers();
  };

  return async (agent, work) => {
    await enter(agent);
    const done = work().finally(() => leave(agent));
    let hasEnded = false;
    const ended = done.finally(() => {
      hasEnded = true;
    });
    await within(ended, patienceMs);
    if (hasEnded) return await done;
    done.catch(() => undefined);
    throw unavailable();
  };
}

function unavailable(): TalariaError {
  return new TalariaError('state_unavailable', 'the volume of the workspace does not answer; try again later');
}
