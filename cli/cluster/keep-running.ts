import { sleep } from '../../core/lib/sleep.ts';

/** Something that can end at any time and be started again. */
export interface Restartable {
  readonly name: string;
  readonly running: () => boolean;
  readonly start: () => Promise<void>;
}

const firstDelayMs = 1_000;
const longestDelayMs = 30_000;
const calmMs = 60_000;
const lookMs = 200;

/**
 * Starts it again whenever it has ended, as a kubelet does: after one second, twice as long each further time within a
 * minute, up to 30 seconds. `say` gets a line for each ending. Resolves when `signal` aborts.
 */
export async function keepRunning(what: Restartable, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  let delayMs = firstDelayMs;
  let startedAt = performance.now();
  while (!signal.aborted) {
    await sleep(lookMs, signal);
    if (signal.aborted || what.running()) continue;
    if (performance.now() - startedAt > calmMs) delayMs = firstDelayMs;
    say(`${what.name} ended; it is started again in ${delayMs / 1000} s`);
    await sleep(delayMs, signal);
    if (signal.aborted) return;
    delayMs = Math.min(longestDelayMs, delayMs * 2);
    startedAt = performance.now();
    await what.start().catch((error: Error) => say(`${what.name} did not start: ${error.message}`));
  }
}
