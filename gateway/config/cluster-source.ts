import { after, type CoalescingLoop, createCoalescingLoop, done, type Outcome } from '../../core/kube/controller.ts';
import { createReflector } from '../../core/kube/reflector.ts';
import { type ConfigMap, configMaps } from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import {
  assemble,
  decodeIndex,
  demandNewer,
  type RejectionReason,
  SnapshotRejected,
} from '../../core/snapshot/decode.ts';
import { bucketName, indexKey, snapshotIndexName } from '../../core/snapshot/names.ts';
import { unpackBucket } from '../../core/snapshot/pack.ts';
import type { SnapshotIndex } from '../../core/snapshot/schema.ts';
import { type BucketPlace, type HeldBuckets, loadBuckets } from './load-buckets.ts';
import { type Credentials, loadCredentials, readMounted, readShards } from './load-credentials.ts';
import { createLocalCopy, type LocalCopy } from './local-copy.ts';
import type { ConfigSource, Configuration } from './source.ts';

export interface ClusterSourceOptions {
  readonly client: Pick<KubeClient, 'get' | 'list' | 'watch'>;
  /** Folder for the copy of the last good snapshot; absent: none is kept. */
  readonly localCopyDir?: string | undefined;
  /** Folder where the credentials are mounted, one file a name; read only when the API server does not answer. */
  readonly credentialsDir?: string | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics?: ClusterSourceMetrics | undefined;
  readonly timing?: Partial<ClusterSourceTiming> | undefined;
}

export interface ClusterSourceMetrics {
  /** A snapshot was refused; the last good one stays in force. Repeated while the cause stays. */
  readonly rejected: (reason: RejectionReason) => void;
  /** The watch lost this many changes, which a relist found. */
  readonly missed: (count: number) => void;
}

export interface ClusterSourceTiming {
  /** After this long without an answer at the start, the local copy serves; after a failure it does so at once. */
  readonly localCopyAfterMs: number;
  /** The pause before a second look at something that may be in the middle of a change. */
  readonly recheckMs: number;
  /** How often a snapshot that was refused, but may heal, is looked at again. */
  readonly repairMs: number;
}

const defaultTiming: ClusterSourceTiming = { localCopyAfterMs: 2_000, recheckMs: 250, repairMs: 10_000 };
const callDeadlineMs = 5_000;

/** What is in force: the snapshot's place in time, its decoded buckets and its credentials. */
interface Served {
  readonly index: SnapshotIndex;
  readonly buckets: HeldBuckets;
  readonly credentials: Credentials;
}

/** Where the parts of a snapshot are read: the API server, or the local copy and the mounted folder. */
interface Origin {
  readonly readBucket: (place: BucketPlace) => Promise<string | undefined>;
  readonly readCredentials: (names: readonly string[]) => Promise<Credentials>;
}

/**
 * Follows the snapshot that the operator publishes. It watches the index by its name, reads only the buckets that
 * changed and the credentials that are new, and hands over nothing that is not whole and verified. Whatever is wrong,
 * what was handed over before stays in force.
 */
export function createClusterSource(options: ClusterSourceOptions): ConfigSource {
  const { client, log, clock, metrics } = options;
  const timing = { ...defaultTiming, ...options.timing };
  const localCopy = options.localCopyDir === undefined ? undefined : createLocalCopy(options.localCopyDir, log);
  const stopping = new AbortController();
  const call = { signal: stopping.signal, deadlineMs: callDeadlineMs };
  const cluster = clusterOrigin(client, call, localCopy);
  let apply: (configuration: Configuration) => Promise<void> = async () => undefined;
  let served: Served | undefined;
  /** The text of the index that was handled last, whether it was taken or refused for good. */
  let settled: string | undefined;
  /** The text of an index in which something did not fit when it was looked at once. */
  let doubted: string | undefined;
  let localCopyTried = false;
  let unreachable = false;
  let startedAt = 0;

  const reflector = createReflector<ConfigMap>({
    client,
    resource: configMaps,
    fieldSelector: `metadata.name=${snapshotIndexName}`,
    onChange: () => loop.trigger(),
    onFailure: () => {
      unreachable = true;
      loop.trigger();
    },
    onMissed: metrics?.missed,
    log,
    clock,
  });

  /** Takes what the index names, whole. Throws SnapshotRejected, or what a read or `apply` throws. */
  const take = async (index: SnapshotIndex, origin: Origin): Promise<void> => {
    demandNewer(index, served?.index);
    const buckets = await loadBuckets(index, served?.buckets ?? new Map(), origin.readBucket);
    const credentials = await loadCredentials(buckets, served?.credentials ?? new Map(), origin.readCredentials);
    const contents = index.buckets.flatMap((bucket) => buckets.get(bucket.sha256)?.content ?? []);
    await applied({ snapshot: assemble(index, contents), credentials });
    served = { index, buckets, credentials };
    log.info({ revision: index.revision, sequence: index.sequence }, 'serving a new snapshot');
  };

  const applied = async (configuration: Configuration): Promise<void> => {
    try {
      await apply(configuration);
    } catch (error) {
      throw new SnapshotRejected('not_applied', 'the snapshot cannot be put in force', error);
    }
  };

  const takeFromCluster = async (text: string): Promise<Outcome> => {
    if (text === settled) return done;
    try {
      const index = decodeIndex(text);
      if (!isServed(index)) await take(index, cluster);
      localCopy?.save(index);
      settled = text;
      return done;
    } catch (error) {
      if (error instanceof SnapshotRejected) return await refuse(text, error);
      await takeLocalCopy();
      throw error;
    }
  };

  const isServed = ({ revision, sequence }: SnapshotIndex): boolean =>
    served?.index.revision === revision && served.index.sequence === sequence;

  /** What does not fit this index may belong to a newer one, which the watch has not brought yet. */
  const refuse = async (text: string, error: SnapshotRejected): Promise<Outcome> => {
    const newest = indexTextOf(await client.get(configMaps, snapshotIndexName, call));
    if (newest !== undefined && newest !== text) return await takeFromCluster(newest);
    if (mayHeal(error) && doubted !== text) {
      doubted = text;
      return after(timing.recheckMs);
    }
    if (!mayHeal(error)) settled = text;
    metrics?.rejected(error.reason);
    log.error({ err: error, reason: error.reason }, 'a snapshot is refused, the last good one stays in force');
    await takeLocalCopy();
    return mayHeal(error) ? after(timing.repairMs) : done;
  };

  /** Once, at the start, while nothing better is there. */
  const takeLocalCopy = async (): Promise<void> => {
    if (localCopy === undefined || served !== undefined || localCopyTried) return;
    localCopyTried = true;
    const text = await localCopy.readIndex();
    if (text === undefined) return;
    try {
      await take(decodeIndex(text), localOrigin(localCopy, options.credentialsDir));
      log.warn('serving the local copy of the last good snapshot');
    } catch (error) {
      log.error({ err: error }, 'the local copy cannot be used');
    }
  };

  const untilListed = async (): Promise<Outcome> => {
    const leftMs = startedAt + timing.localCopyAfterMs - clock.monotonic();
    if (leftMs > 0 && !unreachable) return after(leftMs);
    await takeLocalCopy();
    return done;
  };

  const run = async (): Promise<Outcome> => {
    if (!reflector.synced()) return await untilListed();
    const text = indexTextOf(reflector.get(snapshotIndexName));
    return text === undefined ? done : await takeFromCluster(text);
  };

  const loop: CoalescingLoop = createCoalescingLoop({ name: 'config', run, log, backoffMaxMs: 5_000 });

  return {
    start: async (handOver) => {
      apply = handOver;
      startedAt = clock.monotonic();
      reflector.start();
      loop.start();
      loop.trigger();
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([reflector.stop(), loop.stop()]);
      await localCopy?.stop();
    },
  };
}

function clusterOrigin(
  client: Pick<KubeClient, 'get'>,
  call: { readonly signal: AbortSignal; readonly deadlineMs: number },
  localCopy: LocalCopy | undefined,
): Origin {
  return {
    readBucket: async ({ number, slot, sha256 }) => {
      const stored = await client.get(configMaps, bucketName(number, slot), call);
      const text = stored === undefined ? undefined : unpackBucket(stored);
      if (text !== undefined) localCopy?.add(sha256, text);
      return text;
    },
    readCredentials: (names) => readShards(client, names, call),
  };
}

function localOrigin(localCopy: LocalCopy, credentialsDir: string | undefined): Origin {
  return {
    readBucket: ({ sha256 }) => localCopy.readBucket(sha256),
    readCredentials: async (names) =>
      credentialsDir === undefined ? new Map() : await readMounted(credentialsDir, names),
  };
}

function indexTextOf(stored: ConfigMap | undefined): string | undefined {
  return stored?.data?.[indexKey];
}

/**
 * A bucket or a shard may be in the middle of a change, or be repaired without a new index; what could not be put in force
 * may have failed for a reason that passes.
 */
function mayHeal({ reason }: SnapshotRejected): boolean {
  return healing.has(reason);
}

const healing: ReadonlySet<RejectionReason> = new Set([
  'bad_hash',
  'missing_bucket',
  'missing_credential',
  'not_applied',
]);
