import { once } from 'node:events';
import type { FastifyReply } from 'fastify';

/** A `text/event-stream` answer that starts with its first write. */
export interface EventStream {
  /** True once the status is out: from then on a failure can only be an event. */
  readonly started: () => boolean;
  /** Resolves when the client has room for more; at once, and without an effect, when it has gone. */
  readonly write: (events: string) => Promise<void>;
  readonly end: (events: string) => void;
  /** Ends the keep-alive when nothing was written. */
  readonly cancel: () => void;
}

export interface EventStreamOptions {
  /** Aborts when the client goes away. */
  readonly clientSignal: AbortSignal;
  /** Sent when the stream starts, whatever starts it. */
  readonly opening: string;
}

/** Proxies close connections that are silent for a minute, and some after half of it. */
const keepAliveMs = 15_000;

/**
 * Takes the answer over from fastify with its first write, or with a comment after 15 s of silence, so that no proxy gives
 * up on a model that thinks. Headers are those of `reply`.
 */
export function createEventStream(reply: FastifyReply, { clientSignal, opening }: EventStreamOptions): EventStream {
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
    return opening;
  };
  const keepAlive = setInterval(() => {
    if (!clientSignal.aborted) reply.raw.write(`${start()}: still at work\n\n`);
  }, keepAliveMs);
  return {
    started: () => started,
    write: async (events) => {
      keepAlive.refresh();
      if (clientSignal.aborted || reply.raw.write(start() + events)) return;
      await once(reply.raw, 'drain', { signal: clientSignal }).catch(() => undefined);
    },
    end: (events) => {
      clearInterval(keepAlive);
      if (!clientSignal.aborted) reply.raw.end(start() + events);
    },
    cancel: () => clearInterval(keepAlive),
  };
}
