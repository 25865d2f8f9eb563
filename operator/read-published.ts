import { TerminalError } from '../core/kube/controller.ts';
import type { ConfigMap } from '../core/kube/resources.ts';
import type { Logger } from '../core/lib/log.ts';
import { assemble, decodeBucket, decodeIndex, SnapshotRejected } from '../core/snapshot/decode.ts';
import { bucketName, bucketOf, indexKey, maxBuckets, snapshotIndexName } from '../core/snapshot/names.ts';
import { unpackBucket } from '../core/snapshot/pack.ts';
import type { SnapshotContent, SnapshotIndex } from '../core/snapshot/schema.ts';
import { emptyContent } from './translate/published.ts';

/**
 * What the gateways were given last, for the last good entries in it. A damaged bucket counts as empty: its objects that
 * are accepted come back by themselves. Throws a TerminalError for a schema, or a number of buckets, that only a newer operator
 * can read, because publishing would then lose what that one published.
 */
export function readPublished(get: (name: string) => ConfigMap | undefined, log: Logger): Found {
  const stored = get(snapshotIndexName);
  const index = readIndex(stored);
  if (index === undefined) {
    if (stored !== undefined) log.error('the published index cannot be read; it is made anew');
    return { content: emptyContent, index, isUnreadable: () => stored !== undefined };
  }
  const buckets = index.buckets.map(({ slot, sha256 }, number) =>
    readBucket(get(bucketName(number, slot)), sha256, log),
  );
  return {
    content: assemble(
      index,
      buckets.map((bucket) => bucket ?? emptyContent),
    ).content,
    index,
    isUnreadable: (uid) => buckets[bucketOf(uid, buckets.length)] === undefined,
  };
}

interface Found {
  readonly content: SnapshotContent;
  readonly index: SnapshotIndex | undefined;
  /** Whether the entry of an object, if there is one, stands in what cannot be read. */
  readonly isUnreadable: (uid: string) => boolean;
}

/** The index in its ConfigMap; undefined when there is none, or it is damaged. Throws as `readPublished` does. */
export function readIndex(stored: ConfigMap | undefined): SnapshotIndex | undefined {
  const text = stored?.data?.[indexKey];
  if (text === undefined) return undefined;
  try {
    const index = decodeIndex(text);
    if (index.buckets.length > maxBuckets) throw newerRelease();
    return index;
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    if (error instanceof SnapshotRejected && error.reason === 'newer_major') throw newerRelease(error);
    return undefined;
  }
}

function newerRelease(cause?: unknown): TerminalError {
  return new TerminalError('the published snapshot is of a newer release; run that release of the operator', cause);
}

function readBucket(stored: ConfigMap | undefined, hash: string, log: Logger): SnapshotContent | undefined {
  try {
    return decodeBucket(unpackBucket(stored ?? { metadata: { name: '' } }) ?? '', hash);
  } catch (error) {
    log.error({ err: error, bucket: stored?.metadata.name }, 'a published bucket cannot be read; it is made anew');
    return undefined;
  }
}
