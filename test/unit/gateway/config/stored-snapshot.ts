import type { ConfigMap } from '../../../../core/kube/resources.ts';
import { canonicalJson } from '../../../../core/lib/json.ts';
import { type EncodedSnapshot, encodeSnapshot } from '../../../../core/snapshot/encode.ts';
import { bucketName, indexKey, otherSlot, type Slot, snapshotIndexName } from '../../../../core/snapshot/names.ts';
import { packBucket } from '../../../../core/snapshot/pack.ts';
import { type SnapshotContent, type SnapshotIndex, snapshotSchemaVersion } from '../../../../core/snapshot/schema.ts';

/** Publishes like an operator: the changed buckets into their other slots, then the index. */
export interface Publisher {
  /** The ConfigMaps to write, in this order; the last is the index. */
  readonly next: (content: SnapshotContent, sequence: number) => readonly ConfigMap[];
  readonly revision: () => string;
}

export function createPublisher(): Publisher {
  let encoded: EncodedSnapshot | undefined;
  let slots: readonly Slot[] = [];
  return {
    next: (content, sequence) => {
      const previous = encoded;
      encoded = encodeSnapshot(content, previous);
      const changed = encoded.buckets.map((bucket, number) => bucket !== previous?.buckets[number]);
      slots = changed.map((isNew, number) => (isNew ? otherSlot(slots[number] ?? 'b') : (slots[number] ?? 'a')));
      const buckets = encoded.buckets.flatMap((bucket, number) =>
        changed[number]
          ? [{ metadata: { name: bucketName(number, slots[number] ?? 'a') }, ...packBucket(bucket) }]
          : [],
      );
      const index: SnapshotIndex = {
        schema: snapshotSchemaVersion,
        revision: encoded.revision,
        sequence,
        buckets: encoded.buckets.map(({ sha256 }, number) => ({ slot: slots[number] ?? 'a', sha256 })),
      };
      return [...buckets, indexObject(canonicalJson(index))];
    },
    revision: () => encoded?.revision ?? '',
  };
}

/** The ConfigMap of the index with any text. */
export function indexObject(text: string): ConfigMap {
  return { metadata: { name: snapshotIndexName }, data: { [indexKey]: text } };
}
