import { once } from 'node:events';
import { Socket } from 'node:net';
import pg from 'pg';
import { backoffMs } from '../../core/lib/backoff.ts';
import { sleep } from '../../core/lib/sleep.ts';
import { within } from '../../core/lib/within.ts';

/** The one connection on which a replica hears notifications. */
export interface HintConnection {
  readonly isListening: () => boolean;
  /** To be called when notifications were seen to arrive: the next loss is a first one again. */
  readonly proven: () => void;
  /** Gives the connection up, as it hears nothing though it looks alive; the next is made after the backoff. */
  readonly renew: () => void;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface HintConnectionOptions {
  /** Reaches the server past a pooler. */
  readonly directUrl: string;
  readonly channel: string;
  readonly onPayload: (payload: string) => void;
  readonly onListening: () => void;
  /** Told of each loss and of each attempt in vain. */
  readonly onLost: (error: unknown) => void;
}

const connectTimeoutMs = 3_000;
const queryTimeoutMs = 3_000;
const keepAliveMs = 10_000;
const farewellMs = 500;
const minBackoffMs = 200;
const maxBackoffMs = 10_000;

/** Makes a HintConnection, which is made again and again from `start` to `stop`. */
export function createHintConnection(options: HintConnectionOptions): HintConnection {
  const stopping = new AbortController();
  let attempt = new AbortController();
  let listening = false;
  let failures = 0;
  let loop: Promise<void> | undefined;

  const onListening = () => {
    listening = true;
    options.onListening();
  };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      attempt = new AbortController();
      const why = await listenUntilLost({ ...options, onListening }, attempt.signal).catch((error: unknown) => error);
      listening = false;
      if (stopping.signal.aborted) return;
      options.onLost(why);
      await sleep(backoffMs(failures, minBackoffMs, maxBackoffMs), stopping.signal);
      failures += 1;
    }
  };

  return {
    isListening: () => listening,
    proven: () => {
      failures = 0;
    },
    renew: () => attempt.abort(),
    start: () => {
      loop ??= run();
    },
    stop: async () => {
      stopping.abort();
      attempt.abort();
      await loop;
    },
  };
}

/** Rejects when the connection cannot be made, is lost, or `signal` aborts; nothing of it is left then. */
async function listenUntilLost(options: HintConnectionOptions, signal: AbortSignal): Promise<never> {
  // Its own socket, as pg neither tells nor closes a connection that was ended while it is made.
  const socket = new Socket();
  const lost = once(socket, 'close').then((): never => {
    throw new Error('the connection ended');
  });
  lost.catch(() => undefined);
  const client = new pg.Client({
    connectionString: options.directUrl,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    application_name: 'talaria-hints',
    stream: () => socket,
  });
  client.on('error', () => undefined);
  client.on('notification', ({ payload }) => options.onPayload(payload ?? ''));
  const close = async () => {
    await within(client.end(), farewellMs).catch(() => undefined);
    socket.destroy();
  };
  const onAbort = () => void close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([client.connect(), lost]);
    await Promise.race([client.query(`listen ${options.channel}`), lost]);
    if (!signal.aborted) options.onListening();
    return await lost;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await close();
  }
}
