import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../../core/lib/clock.ts';
import { sleep } from '../../core/lib/sleep.ts';
import { within } from '../../core/lib/within.ts';
import type { Hint, HintTopic } from './hint-message.ts';

/** Hints on their way to other replicas. */
export interface HintOutbox {
  /** Never throws and never waits; after `stop` it does nothing. */
  readonly add: (topic: HintTopic, id: string) => void;
  /** Sends what is left, within 1 s. */
  readonly stop: () => Promise<void>;
}

export interface HintOutboxOptions {
  /** Sends all of the hints at once. */
  readonly send: (hints: readonly Hint[]) => Promise<unknown>;
  /** Told of hints whose sending failed twice. */
  readonly onDropped: (count: number) => void;
  readonly clock: Clock;
}

const windowMs = 20;
const retryMs = 100;
const stopMs = 1_000;
const maxIdsOfTopic = 10_000;

/**
 * Makes a HintOutbox: one send at a time and at most one in 20 ms. A hint that waits already is not added again, and more
 * than 10,000 ids of a topic become its id ''.
 */
export function createHintOutbox({ send, onDropped, clock }: HintOutboxOptions): HintOutbox {
  // One pump carries the hints of many turns, and belongs to none of them.
  const outside = AsyncLocalStorage.snapshot();
  const stopping = new AbortController();
  const waiting = new Map<HintTopic, Set<string>>();
  let sentAt = Number.NEGATIVE_INFINITY;
  let pumping: Promise<void> | undefined;

  const sendOnce = async (hints: readonly Hint[]): Promise<boolean> => {
    sentAt = clock.monotonic();
    return await send(hints).then(
      () => true,
      () => false,
    );
  };
  const pump = async (): Promise<void> => {
    while (waiting.size > 0) {
      // Even without a wait this collects what is told in the same turn of the event loop.
      await sleep(Math.max(0, sentAt + windowMs - clock.monotonic()), stopping.signal);
      const hints = takeAll(waiting);
      if (await sendOnce(hints)) continue;
      await sleep(retryMs, stopping.signal);
      if (!(await sendOnce(hints))) onDropped(hints.length);
    }
    pumping = undefined;
  };

  return {
    add: (topic, id) => {
      if (stopping.signal.aborted) return;
      addId(waiting, topic, id);
      pumping ??= outside(pump);
    },
    stop: async () => {
      stopping.abort();
      await within(pumping ?? Promise.resolve(), stopMs);
    },
  };
}

function addId(waiting: Map<HintTopic, Set<string>>, topic: HintTopic, id: string): void {
  const ids = waiting.get(topic) ?? new Set();
  if (ids.has('')) return;
  if (id === '' || (ids.size >= maxIdsOfTopic && !ids.has(id))) waiting.set(topic, new Set(['']));
  else waiting.set(topic, ids.add(id));
}

function takeAll(waiting: Map<HintTopic, Set<string>>): readonly Hint[] {
  const hints = [...waiting].flatMap(([topic, ids]) => [...ids].map((id): Hint => [topic, id]));
  waiting.clear();
  return hints;
}
