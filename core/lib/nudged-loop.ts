import type { Logger } from './log.ts';
import { quietly } from './quietly.ts';
import { sleep } from './sleep.ts';

/** Looks for work again and again, and at once when it is told that there is some. */
export interface NudgedLoop {
  readonly start: () => void;
  readonly nudge: () => void;
  /** Waits for the look that is under way. */
  readonly stop: () => Promise<void>;
}

/** A loop that looks every `everyMs`, which may be asked anew each time, one look at a time; a nudge during a look makes one more after it. */
export function createNudgedLoop(everyMs: number | (() => number), look: () => Promise<void>, log: Logger): NudgedLoop {
  const stopping = new AbortController();
  let pause = new AbortController();
  let nudged = false;
  let loop: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      pause = new AbortController();
      nudged = false;
      await quietly(log, look);
      if (!nudged)
        await sleep(
          typeof everyMs === 'number' ? everyMs : everyMs(),
          AbortSignal.any([stopping.signal, pause.signal]),
        );
    }
  };

  return {
    start: () => {
      loop ??= run();
    },
    nudge: () => {
      nudged = true;
      pause.abort();
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}
