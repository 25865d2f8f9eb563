import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Logger } from '../../core/lib/log.ts';
import { within } from '../../core/lib/within.ts';

export interface SpanQueueOptions {
  readonly exporter: SpanExporter;
  readonly exported: (count: number) => void;
  /** `full`: too many waited. `failed`: the collector did not take them. `stopped`: the process ended first. */
  readonly dropped: (reason: DropReason, count: number) => void;
  readonly log: Logger;
  /** How many spans may wait; default 4,096. */
  readonly mostWaiting?: number;
}

export const dropReasons = ['full', 'failed', 'stopped'] as const;
export type DropReason = (typeof dropReasons)[number];

/** Takes ended spans and sends them in batches. It holds up nobody: what does not fit is dropped and counted. */
export interface SpanQueue extends SpanProcessor {
  /** Sends what waits, at most for `budgetMs`, and takes nothing more. */
  readonly drain: (budgetMs: number) => Promise<void>;
}

const batchSize = 512;
const sendEveryMs = 500;
/** The exporter has a deadline of its own; this holds should it not keep it. */
const longestExportMs = 15_000;

/** Makes a SpanQueue. Its timer runs while spans wait. */
export function createSpanQueue(options: SpanQueueOptions): SpanQueue {
  const { exporter, exported, dropped, log, mostWaiting = 4_096 } = options;
  let waiting: ReadableSpan[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let stopped = false;
  let away = false;

  const sendBatch = async (): Promise<void> => {
    const batch = waiting.slice(0, batchSize);
    waiting = waiting.slice(batchSize);
    const failure = await exportBatch(exporter, batch);
    if (failure === undefined) exported(batch.length);
    else dropped('failed', batch.length);
    if (away !== (failure !== undefined)) {
      if (failure === undefined) log.info('the collector takes traces again');
      else log.warn({ err: failure }, 'the collector does not take traces; they are dropped and counted');
    }
    away = failure !== undefined;
  };
  /** While the collector is away one batch is tried at a time, with a pause. */
  const send = async (): Promise<void> => {
    do await sendBatch();
    while (waiting.length >= batchSize && !away);
    sending = undefined;
    schedule();
  };
  const schedule = () => {
    if (waiting.length === 0 || sending !== undefined || stopped) return;
    if (waiting.length >= batchSize && !away) {
      clearTimeout(timer);
      timer = undefined;
      sending = send();
      return;
    }
    timer ??= setTimeout(() => {
      timer = undefined;
      sending ??= send();
    }, sendEveryMs).unref();
  };

  return {
    onStart: () => undefined,
    onEnd: (span) => {
      if (stopped) dropped('stopped', 1);
      else if (waiting.length >= mostWaiting) dropped('full', 1);
      else {
        waiting.push(span);
        schedule();
      }
    },
    drain: async (budgetMs) => {
      stopped = true;
      clearTimeout(timer);
      let inTime = true;
      const rest = async () => {
        await sending;
        while (waiting.length > 0 && inTime && !away) await sendBatch();
      };
      await within(rest(), budgetMs);
      inTime = false;
      if (waiting.length > 0) dropped('stopped', waiting.length);
      waiting = [];
    },
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
}

/** Gives why the batch was not taken. */
function exportBatch(exporter: SpanExporter, batch: ReadableSpan[]): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(new Error('the collector did not answer in time')), longestExportMs);
    const end = (failure: unknown) => {
      clearTimeout(timer);
      resolve(failure);
    };
    try {
      exporter.export(batch, ({ code, error }) => end(code === 0 ? undefined : (error ?? new Error('not taken'))));
    } catch (error) {
      end(error);
    }
  });
}
