import { backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { sleep } from '../lib/sleep.ts';
import { isExpired, KubeError } from './kube-error.ts';
import { type Change, createObjectStore } from './object-store.ts';
import type { KubeClient, KubeObject, KubeResource, Selection, WatchEvent } from './types.ts';

/** Keeps a copy of the objects of one kind and says what changes. It never gives up. */
export interface Reflector<T extends KubeObject> {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** True once everything was listed: only then is absence an answer. */
  readonly synced: () => boolean;
  /** Resolves when synced; rejects when `signal` aborts first. */
  readonly whenSynced: (signal: AbortSignal) => Promise<void>;
  /** Throws before `synced`. */
  readonly get: (name: string) => T | undefined;
  /** Throws before `synced`. In no particular order. */
  readonly list: () => readonly T[];
}

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly resource: KubeResource<T>;
  /** Called for one change at a time, after the copy holds it. What it throws is logged and changes nothing. */
  readonly onChange: (change: Change<T>) => void | Promise<void>;
  /**
   * What the copy keeps of an object; for what must not or need not lie in memory. `known` is what it has kept of the
   * object so far, whose parts may be kept on. Default: everything.
   */
  readonly trim?: ((object: T, known: T | undefined) => T) | undefined;
  /** A list or watch failed; the reflector goes on by itself. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** A relist found this many changes that the watch should have delivered and did not. */
  readonly onMissed?: ((count: number) => void) | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly timing?: Partial<ReflectorTiming> | undefined;
}

export interface ReflectorTiming {
  /** The server ends each watch after a random time between these two. */
  readonly minWatchSeconds: number;
  readonly maxWatchSeconds: number;
  /** How much longer than the server's time a silent connection is kept. */
  readonly silenceGraceMs: number;
  /** A watch that lived this long was healthy: the backoff starts again. */
  readonly healthyAfterMs: number;
  readonly relistMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

const defaultTiming: ReflectorTiming = {
  minWatchSeconds: 300,
  maxWatchSeconds: 600,
  silenceGraceMs: 30_000,
  healthyAfterMs: 10_000,
  relistMs: 30 * 60_000,
  backoffBaseMs: 800,
  backoffMaxMs: 30_000,
};

export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  const { client, resource, clock, labelSelector, fieldSelector } = options;
  const log = options.log.child({ resource: resource.plural });
  const timing = { ...defaultTiming, ...options.timing };
  const store = createObjectStore<T>();
  const stopping = new AbortController();
  const firstList = Promise.withResolvers<void>();
  const { signal } = stopping;
  const keep = (object: T): T => withoutManagedFields((options.trim ?? same)(object, store.get(object.metadata.name)));
  /** Where the next watch goes on; undefined: list first. */
  let cursor: string | undefined;
  let synced = false;
  let listedAt = 0;
  let failures = 0;
  let running: Promise<void> = Promise.resolve();

  const deliver = async (changes: readonly Change<T>[]): Promise<void> => {
    for (const change of changes) {
      try {
        await options.onChange(change);
      } catch (error) {
        log.error({ err: error, name: change.object.metadata.name }, 'a handler of changes failed');
      }
    }
  };

  const list = async (): Promise<string> => {
    const listed = await client.list(resource, { labelSelector, fieldSelector, keep, signal });
    const changes = store.replaceAll(listed.items);
    listedAt = clock.monotonic();
    synced = true;
    firstList.resolve();
    await deliver(changes);
    return listed.resourceVersion;
  };

  /** At exactly the version that the watch has reached, so that every difference is a change it lost. */
  const relist = async (resourceVersion: string): Promise<void> => {
    const listed = await client.list(resource, { labelSelector, fieldSelector, resourceVersion, keep, signal });
    const missed = store.replaceAll(listed.items);
    listedAt = clock.monotonic();
    if (missed.length > 0) {
      log.error({ missed: missed.length }, 'the watch had missed changes');
      options.onMissed?.(missed.length);
    }
    await deliver(missed);
  };

  const take = async (event: WatchEvent<T>): Promise<string | undefined> => {
    if (event.type === 'bookmark') return event.resourceVersion;
    const object = keep(event.object);
    await deliver(event.type === 'deleted' ? store.remove(object) : store.put(object));
    return object.metadata.resourceVersion;
  };

  const watch = async (resourceVersion: string): Promise<void> => {
    const timeoutSeconds = randomBetween(timing.minWatchSeconds, timing.maxWatchSeconds);
    const silenceMs = timeoutSeconds * 1000 + timing.silenceGraceMs;
    const selection = { labelSelector, fieldSelector };
    const events = client.watch(resource, { ...selection, resourceVersion, timeoutSeconds, silenceMs, signal });
    for await (const event of events) {
      cursor = (await take(event)) ?? cursor;
      if (signal.aborted) return;
    }
  };

  /** One list or watch; gives how long to wait before the next. */
  const step = async (): Promise<number> => {
    const startedAt = clock.monotonic();
    const healthy = () => clock.monotonic() - startedAt >= timing.healthyAfterMs;
    try {
      if (cursor === undefined) {
        cursor = await list();
        return 0;
      }
      if (clock.monotonic() - listedAt >= timing.relistMs) await relist(cursor);
      await watch(cursor);
      failures = healthy() ? 0 : failures + 1;
      return delayAfter(failures);
    } catch (error) {
      if (signal.aborted) return 0;
      if (healthy()) failures = 0;
      failures += 1;
      return delayAfterError(error);
    }
  };

  const delayAfterError = (error: unknown): number => {
    if (isExpired(error)) {
      cursor = undefined;
      log.info({ err: error }, 'the watch is too old, listing again');
      return failures === 1 ? 0 : delayAfter(failures);
    }
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    const delayMs = Math.max(delayAfter(failures), Math.min(asked, timing.backoffMaxMs));
    log.warn({ err: error, failures, delayMs }, 'cannot list or watch, trying again');
    options.onFailure?.(error);
    return delayMs;
  };

  const delayAfter = (count: number): number =>
    count === 0 ? 0 : backoffMs(count - 1, timing.backoffBaseMs, timing.backoffMaxMs);

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const delayMs = await step();
      if (delayMs > 0) await sleep(delayMs, signal);
    }
  };

  const demandSynced = (): void => {
    if (!synced) throw new Error(`${resource.plural} are not listed yet; wait for synced before asking for them`);
  };

  return {
    start: () => {
      running = run();
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
    synced: () => synced,
    whenSynced: async (waiting) => {
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const onAbort = () => reject(new Error(`stopped before the ${resource.plural} were listed`));
      if (waiting.aborted) onAbort();
      waiting.addEventListener('abort', onAbort, { once: true });
      await Promise.race([firstList.promise, aborted]).finally(() => waiting.removeEventListener('abort', onAbort));
    },
    get: (name) => {
      demandSynced();
      return store.get(name);
    },
    list: () => {
      demandSynced();
      return store.values();
    },
  };
}

function randomBetween(min: number, max: number): number {
  return Math.round(min + Math.random() * (max - min));
}

/** They are a third of an applied object's size and nobody here reads them. The object is ours: it was just decoded. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  Reflect.deleteProperty(object.metadata, 'managedFields');
  return object;
}

function same<T>(object: T): T {
  return object;
}
