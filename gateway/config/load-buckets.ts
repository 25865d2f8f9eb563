import { credentialsOf } from '../../core/snapshot/credential-refs.ts';
import { decodeBucket, SnapshotRejected } from '../../core/snapshot/decode.ts';
import type { Slot } from '../../core/snapshot/names.ts';
import type { SnapshotContent, SnapshotIndex } from '../../core/snapshot/schema.ts';

/** One decoded bucket. */
export interface HeldBucket {
  readonly content: SnapshotContent;
  /** Names of the credentials that its entries need. */
  readonly credentials: readonly string[];
}

/** Decoded buckets by their SHA-256. */
export type HeldBuckets = ReadonlyMap<string, HeldBucket>;

/** Where one bucket of an index lies. */
export interface BucketPlace {
  readonly number: number;
  readonly slot: Slot;
  readonly sha256: string;
}

/**
 * The buckets of an index: those in `held` are taken over, the others are read, all at the same time, and verified.
 * `read` gives a bucket's text, or undefined when there is none. Throws SnapshotRejected when one is missing or is not
 * the one that the index names.
 */
export async function loadBuckets(
  index: SnapshotIndex,
  held: HeldBuckets,
  read: (place: BucketPlace) => Promise<string | undefined>,
): Promise<HeldBuckets> {
  const places = new Map(index.buckets.map((bucket, number) => [bucket.sha256, { ...bucket, number }]));
  const loaded = [...places.values()].map(async (place): Promise<[string, HeldBucket]> => {
    return [place.sha256, held.get(place.sha256) ?? (await load(place, read))];
  });
  return new Map(await Promise.all(loaded));
}

async function load(
  place: BucketPlace,
  read: (place: BucketPlace) => Promise<string | undefined>,
): Promise<HeldBucket> {
  const text = await read(place);
  if (text === undefined)
    throw new SnapshotRejected('missing_bucket', `bucket ${place.number}${place.slot} is missing`);
  const content = decodeBucket(text, place.sha256);
  return { content, credentials: credentialsOf(content) };
}
