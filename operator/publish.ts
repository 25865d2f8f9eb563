import type { Change } from '../core/kube/object-store.ts';
import { type ConfigMap, configMaps } from '../core/kube/resources.ts';
import type { Clock } from '../core/lib/clock.ts';
import { sha256 } from '../core/lib/hash.ts';
import { canonicalJson } from '../core/lib/json.ts';
import type { Logger } from '../core/lib/log.ts';
import { type EncodedSnapshot, encodeSnapshot } from '../core/snapshot/encode.ts';
import { bucketName, indexKey, maxBuckets, otherSlot, type Slot, snapshotIndexName } from '../core/snapshot/names.ts';
import { packBucket, unpackBucket } from '../core/snapshot/pack.ts';
import { type SnapshotContent, type SnapshotIndex, snapshotSchemaVersion } from '../core/snapshot/schema.ts';
import { createOwnObjects, type OwnObjectsOptions } from './own-objects.ts';
import { readIndex, readPublished } from './read-published.ts';

/** What a publish left in force. */
export interface Publication {
  readonly revision: string;
  readonly sequence: number;
}

/** Writes snapshots where gateways look for them. */
export interface Publisher {
  /** Reads what is published: the content, empty when there is none, and its place in time. Call it before all else. */
  readonly load: () => Promise<{
    readonly content: SnapshotContent;
    readonly publication: Publication | undefined;
    /** Whether the entry of an object, if there was one, could not be read. */
    readonly isUnreadable: (uid: string) => boolean;
  }>;
  /** Reads again what is stored, after a write that found something else than we know. */
  readonly reload: () => Promise<void>;
  /** Makes `content` the published one. Writes nothing when it already is, and mends what somebody edited. */
  readonly publish: (content: SnapshotContent) => Promise<Publication>;
  /** Marks the index as ours, so that whoever led before gets 409 for its next write. */
  readonly claim: () => Promise<void>;
  /** Takes a change of a ConfigMap; true when `publish` has to look at it. */
  readonly observe: (change: Change<ConfigMap>) => boolean;
}

export type PublisherOptions = Omit<OwnObjectsOptions<ConfigMap>, 'resource' | 'names'> & {
  /** Written into the index: the identity of the leader. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
};

/** The annotation of the index that names the leader who wrote it. */
export const leaderAnnotation = 'talaria.dev/leader';

/** A bucket that is written lies in memory several times over, so that not all of a first snapshot are. */
const writesAtOnce = 8;

export function createPublisher(options: PublisherOptions): Publisher {
  const { clock, log, identity } = options;
  const objects = createOwnObjects({ ...options, resource: configMaps, names: snapshotNames });
  let encoded: EncodedSnapshot | undefined;
  /** The highest that was ever seen, so that a deleted or edited index cannot lower it. */
  let published: Publication | undefined;

  const writeIndex = async (index: SnapshotIndex): Promise<void> => {
    await objects.write(
      snapshotIndexName,
      { data: { [indexKey]: canonicalJson(index) } },
      { [leaderAnnotation]: identity },
    );
    published = { revision: index.revision, sequence: index.sequence };
  };

  /** Puts a bucket into a slot, unless it is there. */
  const fill = async (bucket: number, slot: Slot, source: EncodedSnapshot['buckets'][number]): Promise<void> => {
    const name = bucketName(bucket, slot);
    if (hashOf(objects.get(name)) === source.sha256) return;
    await objects.write(name, packBucket(source));
  };

  /** Where each bucket goes: it stays in its live slot when it is the same, else it takes the other one. */
  const placeBuckets = (next: EncodedSnapshot, live: SnapshotIndex | undefined): SnapshotIndex['buckets'] =>
    next.buckets.map(({ sha256: hash }, number) => {
      const held = live?.buckets[number];
      const slot = held === undefined ? 'a' : held.sha256 === hash ? held.slot : otherSlot(held.slot);
      return { slot, sha256: hash };
    });

  const sequenceFor = (revision: string, live: SnapshotIndex | undefined): number => {
    const newest = Math.max(published?.sequence ?? 0, live?.sequence ?? 0);
    const known =
      published?.revision === revision ? published.sequence : live?.revision === revision ? live.sequence : 0;
    return known === newest && newest > 0 ? newest : Math.max(newest + 1, clock.now());
  };

  const publish = async (content: SnapshotContent): Promise<Publication> => {
    await objects.refresh();
    const next = encodeSnapshot(content, encoded);
    encoded = next;
    const live = readIndex(objects.get(snapshotIndexName));
    const buckets = placeBuckets(next, live);
    for (let from = 0; from < next.buckets.length; from += writesAtOnce) {
      const group = next.buckets.slice(from, from + writesAtOnce).map((bucket, at) => ({ bucket, number: from + at }));
      await Promise.all(group.map(({ bucket, number }) => fill(number, buckets[number]?.slot ?? 'a', bucket)));
      objects.keepOnly(withoutBucket);
    }

    const sequence = sequenceFor(next.revision, live);
    const current = { revision: next.revision, sequence };
    if (live?.revision === next.revision && live.sequence === sequence) published = current;
    else {
      await writeIndex({ schema: snapshotSchemaVersion, ...current, buckets });
      log.info(current, 'published a snapshot');
    }
    return current;
  };

  return {
    publish,
    observe: objects.observe,
    reload: async () => {
      await objects.load();
      objects.keepOnly(withoutBucket);
    },
    load: async () => {
      await objects.load();
      const { content, index, isUnreadable } = readPublished(objects.get, log);
      published = index && { revision: index.revision, sequence: index.sequence };
      objects.keepOnly(withoutBucket);
      return { content, publication: published, isUnreadable };
    },
    claim: async () => {
      const index = objects.get(snapshotIndexName);
      const leader = index?.metadata.annotations?.[leaderAnnotation];
      if (index?.data === undefined || leader === undefined || leader === identity) return;
      await objects.write(snapshotIndexName, { data: index.data }, { [leaderAnnotation]: identity });
    },
  };
}

/** The index and every slot. */
export const snapshotNames: readonly string[] = [
  snapshotIndexName,
  ...Array.from({ length: maxBuckets }, (_, number) => [bucketName(number, 'a'), bucketName(number, 'b')]).flat(),
];

const hashes = new WeakMap<ConfigMap, string>();

/** SHA-256 of the bucket that a ConfigMap holds; '' when it holds none. */
function hashOf(stored: ConfigMap | undefined): string {
  if (stored === undefined) return '';
  const known = hashes.get(stored);
  if (known !== undefined) return known;
  const hash = sha256(unpackBucket(stored) ?? '');
  hashes.set(stored, hash);
  return hash;
}

/** Of a bucket its hash is enough. */
function withoutBucket(stored: ConfigMap): ConfigMap {
  const { metadata } = stored;
  if (metadata.name === snapshotIndexName || (stored.data ?? stored.binaryData) === undefined) return stored;
  const kept = { metadata };
  hashes.set(kept, hashOf(stored));
  return kept;
}
