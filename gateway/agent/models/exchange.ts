import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Deadline } from '../../../core/lib/deadline.ts';

/** Takes an answer as it comes in. What it throws ends the exchange and rejects it. */
export interface AnswerSink {
  readonly onHead: (status: number, headers: IncomingHttpHeaders) => void;
  /** A promise makes the server wait until it resolves. */
  readonly onData: (bytes: Buffer) => void | Promise<void>;
  /** True once nothing more is wanted, although the server may not have ended the answer yet. */
  readonly isComplete: () => boolean;
}

/** The answer was not complete in time. */
export class ExchangeTimeout extends Error {
  override readonly name = 'ExchangeTimeout';
}

export interface ExchangeLimits {
  readonly limit: Deadline;
  /** For the whole exchange, to the last byte: ExchangeTimeout after it, unless `limit` ends before. */
  readonly totalMs: number;
}

/**
 * One request and its answer, straight on undici's dispatcher: this is the hot path, and streams cost more than the
 * exchange itself. Resolves when the answer is complete. Rejects with the limit's reason, with ExchangeTimeout, or with
 * what went wrong; each of them closes the request to the server.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  sink: AnswerSink,
  { limit, totalMs }: ExchangeLimits,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (limit.isOver()) return reject(limit.reason());
    const { parent } = limit;
    const remainingMs = limit.remainingMs();
    let controller: Dispatcher.DispatchController | undefined;
    /** What `onData` still works on; the answer is not complete before it. */
    let taking: Promise<void> | undefined;
    let failure: Error | undefined;
    const release = () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', endByLimit);
    };
    const succeed = () => {
      release();
      resolve();
    };
    const fail = (error: unknown) => {
      release();
      failure = asError(error);
      reject(error);
      controller?.abort(failure);
    };
    const endByLimit = () => {
      if (limit.isOver()) fail(limit.reason());
      // Timers fire early at times, and whoever then asked the limit would take this for a failed connection.
      else timer = setTimeout(endByLimit, 1);
    };
    let timer =
      remainingMs < totalMs
        ? setTimeout(endByLimit, remainingMs)
        : setTimeout(() => fail(new ExchangeTimeout()), totalMs);
    const take = (bytes: Buffer, from: Dispatcher.DispatchController) => {
      const work = sink.onData(bytes);
      if (work === undefined) {
        if (sink.isComplete()) succeed();
        return;
      }
      from.pause();
      taking = work.then(() => {
        from.resume();
        if (sink.isComplete()) succeed();
      }, fail);
    };
    parent?.addEventListener('abort', endByLimit, { once: true });
    dispatcher.dispatch(request, {
      onRequestStart: (started) => {
        controller = started;
        // It failed while it waited for a connection.
        if (failure) started.abort(failure);
      },
      onResponseStart: (_controller, status, headers) => sink.onHead(status, headers),
      onResponseData: (from, bytes) => take(bytes, from),
      onResponseEnd: () => {
        if (taking === undefined) succeed();
        else taking.then(succeed);
      },
      onResponseError: (_controller, error) => fail(error),
    });
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
