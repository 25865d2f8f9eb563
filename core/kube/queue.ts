/**
 * Keys that wait to be worked on. A key waits at most once and is never worked on twice at the same time: added while
 * in work it waits again when that work is done. Order is first in, first out.
 */
export interface WorkQueue {
  /** False when the queue is full and the key was dropped. */
  readonly add: (key: string) => boolean;
  /** Adds the key after `delayMs`; the earliest of several wins, and taking the key cancels it. */
  readonly addAfter: (key: string, delayMs: number) => void;
  /** Adds the key after its backoff, which doubles with every call until `forget`. */
  readonly retry: (key: string) => void;
  readonly forget: (key: string) => void;
  /** The next key, as soon as there is one; undefined once stopped. Every taken key must be given back with `finish`. */
  readonly take: () => Promise<string | undefined>;
  readonly finish: (key: string) => void;
  /** Keys waiting now, those after a delay not counted. */
  readonly size: () => number;
  /** Drops all keys and ends every `take`. */
  readonly stop: () => void;
}

export interface WorkQueueOptions {
  /** Keys that may wait at the same time, with or without a delay. */
  readonly maxKeys: number;
  readonly backoffBaseMs?: number | undefined;
  readonly backoffMaxMs?: number | undefined;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const baseMs = options.backoffBaseMs ?? 5;
  const maxMs = options.backoffMaxMs ?? 5 * 60_000;
  const waiting = new Set<string>();
  const inWork = new Set<string>();
  /** In work and added again. */
  const dirty = new Set<string>();
  const delayed = new Map<string, { readonly timer: NodeJS.Timeout; readonly dueAt: number }>();
  const failures = new Map<string, number>();
  const takers: ((key: string | undefined) => void)[] = [];
  let stopped = false;

  const hand = (taker: (key: string | undefined) => void, key: string): void => {
    waiting.delete(key);
    inWork.add(key);
    cancelDelay(key);
    taker(key);
  };

  const cancelDelay = (key: string): void => {
    clearTimeout(delayed.get(key)?.timer);
    delayed.delete(key);
  };

  const full = (key: string): boolean => waiting.size + delayed.size >= options.maxKeys && !delayed.has(key);

  const add = (key: string): boolean => {
    if (stopped || waiting.has(key)) return !stopped;
    if (inWork.has(key)) {
      dirty.add(key);
      return true;
    }
    if (full(key)) return false;
    enqueue(key);
    return true;
  };

  const enqueue = (key: string): void => {
    waiting.add(key);
    const taker = takers.shift();
    if (taker !== undefined) hand(taker, key);
  };

  /** A delayed key already has its place. */
  const wake = (key: string): void => {
    delayed.delete(key);
    if (inWork.has(key)) dirty.add(key);
    else if (!waiting.has(key)) enqueue(key);
  };

  const addAfter = (key: string, delayMs: number): void => {
    if (stopped) return;
    const dueAt = performance.now() + delayMs;
    const known = delayed.get(key);
    if (known !== undefined && known.dueAt <= dueAt) return;
    cancelDelay(key);
    delayed.set(key, { timer: setTimeout(wake, delayMs, key), dueAt });
  };

  return {
    add,
    addAfter,
    retry: (key) => {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      addAfter(key, Math.min(maxMs, baseMs * 2 ** Math.min(count, 30)));
    },
    forget: (key) => {
      failures.delete(key);
    },
    take: async () => {
      if (stopped) return undefined;
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      const [key] = waiting;
      if (key === undefined) takers.push(resolve);
      else hand(resolve, key);
      return await promise;
    },
    finish: (key) => {
      inWork.delete(key);
      if (dirty.delete(key) && !stopped) enqueue(key);
    },
    size: () => waiting.size,
    stop: () => {
      stopped = true;
      for (const key of [...delayed.keys()]) cancelDelay(key);
      waiting.clear();
      dirty.clear();
      for (const taker of takers.splice(0)) taker(undefined);
    },
  };
}
