import type { z } from 'zod';
import { sha256 } from '../lib/hash.ts';
import { isObject } from '../lib/is-object.ts';
import { revisionOf } from './encode.ts';
import {
  type RouteEntry,
  type Snapshot,
  type SnapshotContent,
  type SnapshotIndex,
  snapshotContentSchema,
  snapshotIndexSchema,
  snapshotSchemaVersion,
} from './schema.ts';
import { textsOfAgent, textsOfJob } from './text-refs.ts';

/** `not_applied`: the content was read, but could not be put in force. */
export const rejectionReasons = [
  'newer_major',
  'bad_hash',
  'missing_bucket',
  'missing_credential',
  'invalid',
  'lower_sequence',
  'not_applied',
] as const;
export type RejectionReason = (typeof rejectionReasons)[number];

/** A stored snapshot that must not be served; whatever was served before stays in force. */
export class SnapshotRejected extends Error {
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SnapshotRejected';
    this.reason = reason;
  }
}

/** Reads an index and checks its version and that its revision is that of its buckets. Unknown fields are ignored. */
export function decodeIndex(text: string): SnapshotIndex {
  const value = parseJson(text, 'index');
  demandReadableMajor(value);
  const index = validated(snapshotIndexSchema, value, 'index');
  const revision = revisionOf(
    index.schema.major,
    index.buckets.map((bucket) => bucket.sha256),
  );
  if (revision === index.revision) return index;
  const message = `the index says revision ${index.revision}, its bucket hashes give ${revision}; it was edited by hand`;
  throw new SnapshotRejected('bad_hash', message);
}

/** Reads the text of one bucket after checking that it is the one with this hash. Unknown fields are ignored. */
export function decodeBucket(text: string, expectedSha256: string): SnapshotContent {
  const actual = sha256(text);
  if (actual !== expectedSha256) {
    const message = `a bucket has the hash ${actual}, the index wants ${expectedSha256}`;
    throw new SnapshotRejected('bad_hash', message);
  }
  const content = validated(snapshotContentSchema, parseJson(text, 'bucket'), 'bucket');
  demandTexts(content);
  return content;
}

/**
 * Puts the buckets of an index together, sorted by name. Entry objects are taken over as they are, so those of a bucket
 * that did not change stay the same objects from one snapshot to the next. `routeParts` are the buckets' own lists;
 * `content.routes` is made when it is first read.
 */
export function assemble(index: SnapshotIndex, buckets: readonly SnapshotContent[]): Snapshot {
  if (buckets.length !== index.buckets.length) {
    const message = `${buckets.length} of ${index.buckets.length} buckets are there`;
    throw new SnapshotRejected('missing_bucket', message);
  }
  const routeParts = buckets.map((bucket) => bucket.routes);
  let routes: readonly RouteEntry[] | undefined;
  const content: SnapshotContent = {
    agents: merged(buckets.map((bucket) => bucket.agents)),
    get routes() {
      routes ??= merged(routeParts);
      return routes;
    },
    jobs: merged(buckets.map((bucket) => bucket.jobs)),
    gatewayKeys: merged(buckets.map((bucket) => bucket.gatewayKeys)),
    texts: Object.assign({}, ...buckets.map((bucket) => bucket.texts)),
  };
  return { revision: index.revision, sequence: index.sequence, content, routeParts };
}

/** Refuses an index that is not newer than what is served. One sequence never stands for two revisions. */
export function demandNewer(index: SnapshotIndex, served: Pick<Snapshot, 'revision' | 'sequence'> | undefined): void {
  if (served === undefined || index.sequence > served.sequence) return;
  if (index.sequence === served.sequence && index.revision === served.revision) return;
  const message = `sequence ${index.sequence} is offered, ${served.sequence} is served; an older operator wrote it`;
  throw new SnapshotRejected('lower_sequence', message);
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SnapshotRejected('invalid', `the ${what} is not JSON`, cause);
  }
}

function demandReadableMajor(value: unknown): void {
  const newest = snapshotSchemaVersion.major;
  const schema = isObject(value) && isObject(value.schema) ? value.schema : {};
  if (typeof schema.major !== 'number') throw new SnapshotRejected('invalid', 'the index names no schema version');
  if (schema.major > newest) {
    const message = `the schema is version ${schema.major}, this program reads up to ${newest}; upgrade the gateways`;
    throw new SnapshotRejected('newer_major', message);
  }
  if (schema.major >= newest - 1) return;
  const message = `the schema is version ${schema.major}, this program reads from ${newest - 1}; upgrade the operator`;
  throw new SnapshotRejected('invalid', message);
}

function validated<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const message = `the ${what} does not fit the schema at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  throw new SnapshotRejected('invalid', message);
}

function demandTexts(content: SnapshotContent): void {
  const needed = [...content.agents.flatMap(textsOfAgent), ...content.jobs.flatMap(textsOfJob)];
  const missing = needed.find((hash) => !Object.hasOwn(content.texts, hash));
  if (missing === undefined) return;
  throw new SnapshotRejected('invalid', `the text ${missing} that an entry names is not in its bucket`);
}

function merged<T extends { readonly name: string }>(lists: readonly (readonly T[])[]): readonly T[] {
  const [only] = lists;
  if (lists.length === 1 && only !== undefined) return only;
  return lists.flat().sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
