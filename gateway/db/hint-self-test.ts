import { newId } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { createNudgedLoop } from '../../core/lib/nudged-loop.ts';
import { sleep } from '../../core/lib/sleep.ts';

/** Finds out whether what this replica notifies comes back to it: a pooler in transaction mode swallows it silently. */
export interface HintSelfTest {
  /** To be called with each nonce that came back. */
  readonly heard: (nonce: string) => void;
  /** Tests now instead of later. */
  readonly nudge: () => void;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

/** `passed`, or why not: the nonce could not be sent, or it did not come back within 2 s. */
export type HintTestResult = 'passed' | 'not-sent' | 'not-heard';

export interface HintSelfTestOptions {
  readonly notify: (nonce: string) => Promise<unknown>;
  /** No test is made while this is false. */
  readonly isListening: () => boolean;
  readonly onResult: (result: HintTestResult) => void;
  readonly log: Logger;
}

const testEveryMs = 5_000;
const patienceMs = 2_000;

/** Makes a HintSelfTest that tests every 5 s. */
export function createHintSelfTest({ notify, isListening, onResult, log }: HintSelfTestOptions): HintSelfTest {
  const stopping = new AbortController();
  let awaited: { readonly nonce: string; readonly end: (result: HintTestResult) => void } | undefined;

  const test = async (): Promise<void> => {
    if (!isListening()) return;
    const nonce = newId();
    const over = new AbortController();
    let result: HintTestResult = 'not-heard';
    const end = (now: HintTestResult) => {
      if (!over.signal.aborted) result = now;
      over.abort();
    };
    awaited = { nonce, end };
    notify(nonce).catch(() => end('not-sent'));
    await sleep(patienceMs, AbortSignal.any([stopping.signal, over.signal]));
    awaited = undefined;
    if (!stopping.signal.aborted) onResult(result);
  };
  const loop = createNudgedLoop(testEveryMs, test, log);

  return {
    heard: (nonce) => {
      if (nonce === awaited?.nonce) awaited.end('passed');
    },
    nudge: loop.nudge,
    start: loop.start,
    stop: async () => {
      stopping.abort();
      await loop.stop();
    },
  };
}
