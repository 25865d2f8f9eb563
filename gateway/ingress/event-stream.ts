import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** A `text/event-stream` answer that starts with its first write. */
export interface EventStream {
  /** True once the status is out: from then on a failure can only be an event. */
  readonly started: () => boolean;
  /**
   * Gives a promise when the client has no room for more, which resolves when it has, or is gone. Without an effect once
   * it is gone.
   */
  readonly write: (events: string) => void | Promise<void>;
  readonly end: (events: string) => void;
  /** Ends the keep-alive when nothing was written. */
  readonly cancel: () => void;
}

export interface EventStreamOptions {
  /** Aborts when the client goes away. */
  readonly clientSignal: AbortSignal;
  /** Sent when the stream starts, whatever starts it. */
  readonly opening: string;
  /** Default: that of `breakWhenStalled`. */
  readonly stalledMs?: number;
}

/** Proxies close connections that are silent for a minute, and some after half of it. */
const keepAliveMs = 15_000;

/**
 * Takes the answer over from fastify with its first write, or with a comment after 15 s of silence, so that no proxy gives
 * up on a model that thinks. Headers are those of `reply`.
 */
export function createEventStream(reply: FastifyReply, options: EventStreamOptions): EventStream {
  const { clientSignal, opening, stalledMs } = options;
  let started = false;
  const start = () => {
    if (started) return '';
    started = true;
    reply.hijack();
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    });
    breakWhenStalled(reply.raw, stalledMs);
    return opening;
  };
  const keepAlive = setInterval(() => {
    if (!clientSignal.aborted) reply.raw.write(`${start()}: still at work\n\n`);
  }, keepAliveMs);
  return {
    started: () => started,
    write: (events) => {
      keepAlive.refresh();
      if (clientSignal.aborted || reply.raw.write(start() + events)) return;
      return once(reply.raw, 'drain', { signal: clientSignal }).then(ignore, ignore);
    },
    end: (events) => {
      clearInterval(keepAlive);
      if (!clientSignal.aborted) reply.raw.end(start() + events);
    },
    cancel: () => clearInterval(keepAlive),
  };
}

/**
 * Breaks the connection once its client has taken nothing of what waits for it for this long, so that one that never reads
 * holds neither memory nor its turn. What the client takes in part counts as taken.
 */
export function breakWhenStalled(response: ServerResponse, ms = 60_000): void {
  response.setTimeout(ms, () => response.destroy());
}

function ignore(): void {}
