import type { Logger } from '../lib/log.ts';
import { KubeError } from './kube-error.ts';
import { createWorkQueue, type WorkQueue } from './queue.ts';

/** What a reconcile says when it did not throw: nothing more to do, or look again later. */
export type Outcome = { readonly type: 'done' } | { readonly type: 'after'; readonly delayMs: number };

/** Nothing more to do until the key is added again. */
export const done: Outcome = { type: 'done' };

/** Reconcile the same key again after `delayMs`, unless it is added before. */
export function after(delayMs: number): Outcome {
  return { type: 'after', delayMs };
}

/** Thrown by a reconcile when trying again cannot help: the key rests until it is added again. */
export class TerminalError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TerminalError';
  }
}

/** Calls `reconcile` for added keys, each key by one worker at a time; a failure is retried with growing delay. */
export interface Controller {
  readonly start: () => void;
  /** Aborts the signal of running reconciles and waits for them. */
  readonly stop: () => Promise<void>;
  readonly add: (key: string) => void;
  readonly addAfter: (key: string, delayMs: number) => void;
}

export interface ControllerOptions {
  readonly name: string;
  /** Level based: brings the world of `key` to what is wanted now, whatever happened. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>;
  readonly log: Logger;
  /** A reconcile threw; `terminal` tells that it is not retried. For metrics. */
  readonly onError?: ((error: unknown, terminal: boolean) => void) | undefined;
  /** Keys that may wait at the same time; more are dropped with an error in the log. Default 200,000. */
  readonly maxKeys?: number | undefined;
  readonly workers?: number | undefined;
  /** The longest pause before a failed key is tried again. Default 5 min. */
  readonly backoffMaxMs?: number | undefined;
}

export function createController(options: ControllerOptions): Controller {
  const log = options.log.child({ controller: options.name });
  const queue = createWorkQueue({ maxKeys: options.maxKeys ?? 200_000, backoffMaxMs: options.backoffMaxMs });
  const stopping = new AbortController();
  let working: readonly Promise<void>[] = [];

  const reconcile = async (key: string): Promise<void> => {
    try {
      const outcome = await options.reconcile(key, stopping.signal);
      queue.forget(key);
      if (outcome.type === 'after') queue.addAfter(key, outcome.delayMs);
    } catch (error) {
      if (stopping.signal.aborted) return;
      const terminal = isTerminal(error);
      log.error({ err: error, object: key, terminal }, 'reconcile failed');
      options.onError?.(error, terminal);
      if (terminal) queue.forget(key);
      else queue.retry(key);
    }
  };

  return {
    start: () => {
      working = Array.from({ length: options.workers ?? 1 }, () => work(queue, reconcile));
    },
    stop: async () => {
      stopping.abort();
      queue.stop();
      await Promise.all(working);
    },
    add: (key) => {
      if (queue.add(key) || stopping.signal.aborted) return;
      log.error({ object: key }, 'the queue is full, an object was dropped');
    },
    addAfter: queue.addAfter,
  };
}

/** Runs `run` after each trigger: never twice at a time, and triggers that arrive meanwhile are one more run. */
export interface CoalescingLoop {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  readonly trigger: () => void;
}

/** A controller with a single key. A failed run is repeated with growing delay; a trigger does not wait for it. */
export function createCoalescingLoop(
  options: Omit<ControllerOptions, 'reconcile' | 'maxKeys' | 'workers'> & {
    readonly run: (signal: AbortSignal) => Promise<Outcome>;
  },
): CoalescingLoop {
  const { run, ...rest } = options;
  const controller = createController({ ...rest, reconcile: (_key, signal) => run(signal) });
  return { start: controller.start, stop: controller.stop, trigger: () => controller.add(options.name) };
}

async function work(queue: WorkQueue, reconcile: (key: string) => Promise<void>): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    await reconcile(key);
    queue.finish(key);
  }
}

function isTerminal(error: unknown): boolean {
  return error instanceof TerminalError || (error instanceof KubeError && error.terminal);
}
