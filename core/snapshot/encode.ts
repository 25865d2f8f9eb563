import { sha256 } from '../lib/hash.ts';
import { canonicalJson } from '../lib/json.ts';
import { bucketOf, maxBuckets } from './names.ts';
import { type SnapshotContent, snapshotSchemaVersion } from './schema.ts';
import { textsOfAgent, textsOfJob } from './text-refs.ts';

/** A snapshot as it is stored: the canonical JSON of each bucket. Equal content gives equal texts and revision. */
export interface EncodedSnapshot {
  readonly revision: string;
  readonly buckets: readonly EncodedBucket[];
}

export interface EncodedBucket {
  /** Canonical JSON of a SnapshotContent. Made from its parts each time it is asked for: together they are large. */
  readonly text: string;
  /** SHA-256 (hex) of `text`. */
  readonly sha256: string;
}

/** Beyond this many bytes of canonical JSON the content is spread over `maxBuckets` buckets. */
export const oneBucketBytes = 64 * 1024;

/**
 * Encodes a snapshot; the order of its lists does not matter. `previous` makes it fast: a bucket that holds the same
 * entry objects is taken over. Entries must therefore never be mutated. Throws when a text that an entry names is missing.
 */
export function encodeSnapshot(content: SnapshotContent, previous?: EncodedSnapshot): EncodedSnapshot {
  const members = membersOf(content);
  const count = fitsOneBucket(members, content.texts) ? 1 : maxBuckets;
  const buckets = partition(members, count).map((part, index) => encodeBucket(part, content, previous?.buckets[index]));
  return {
    revision: revisionOf(
      snapshotSchemaVersion.major,
      buckets.map((bucket) => bucket.sha256),
    ),
    buckets,
  };
}

/** Identity of a content: SHA-256 over the schema's major and the hashes of the buckets in their order. */
export function revisionOf(major: number, bucketHashes: readonly string[]): string {
  return sha256(canonicalJson({ buckets: bucketHashes, major }));
}

const listNames = ['agents', 'gatewayKeys', 'jobs', 'routes'] as const;
type ListName = (typeof listNames)[number];
type Entry = SnapshotContent[ListName][number];

/** What encoding needs to know of one entry. It is kept with the entry object. Its JSON is not: all of it is large. */
interface Member {
  readonly name: string;
  readonly uid: string;
  readonly entry: Entry;
  /** Its bucket when there are `maxBuckets`. */
  readonly bucket: number;
  readonly texts: readonly string[];
}

type Members = Readonly<Record<ListName, readonly Member[]>>;

const memberOfEntry = new WeakMap<Entry, Member>();
/** What the text of a bucket is made from. */
interface Parts {
  readonly members: Members;
  readonly texts: readonly (readonly [string, string])[];
}

const partsOfBucket = new WeakMap<EncodedBucket, Parts>();

function membersOf(content: SnapshotContent): Members {
  return {
    agents: sorted(content.agents.map((agent) => memberOf(agent, () => textsOfAgent(agent)))),
    gatewayKeys: sorted(content.gatewayKeys.map((key) => memberOf(key, () => []))),
    jobs: sorted(content.jobs.map((job) => memberOf(job, () => textsOfJob(job)))),
    routes: sorted(content.routes.map((route) => memberOf(route, () => []))),
  };
}

function memberOf(entry: Entry, texts: () => readonly string[]): Member {
  const known = memberOfEntry.get(entry);
  if (known !== undefined) return known;
  const { name, uid } = entry;
  const member = { name, uid, entry, bucket: bucketOf(uid, maxBuckets), texts: texts() };
  memberOfEntry.set(entry, member);
  return member;
}

function sorted(members: readonly Member[]): readonly Member[] {
  return members.toSorted((a, b) => compare(a.name, b.name) || compare(a.uid, b.uid));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function fitsOneBucket(members: Members, texts: SnapshotContent['texts']): boolean {
  let bytes = 0;
  for (const list of listNames) {
    for (const { entry } of members[list]) {
      bytes += Buffer.byteLength(canonicalJson(entry));
      if (bytes > oneBucketBytes) return false;
    }
  }
  for (const hash of neededTexts(members)) bytes += Buffer.byteLength(JSON.stringify(textOf(hash, texts)));
  return bytes <= oneBucketBytes;
}

function partition(members: Members, count: number): readonly Members[] {
  if (count === 1) return [members];
  const parts = Array.from({ length: count }, () => ({
    agents: [] as Member[],
    gatewayKeys: [] as Member[],
    jobs: [] as Member[],
    routes: [] as Member[],
  }));
  for (const list of listNames) for (const member of members[list]) parts[member.bucket]?.[list].push(member);
  return parts;
}

function encodeBucket(members: Members, content: SnapshotContent, previous: EncodedBucket | undefined): EncodedBucket {
  if (previous !== undefined && holdsTheSame(previous, members)) return previous;
  const texts = neededTexts(members).map((hash) => [hash, textOf(hash, content.texts)] as const);
  const hash = sha256(bucketText({ members, texts }));
  const bucket = hash === previous?.sha256 ? previous : newBucket(hash);
  partsOfBucket.set(bucket, { members, texts });
  return bucket;
}

function newBucket(hash: string): EncodedBucket {
  const bucket: EncodedBucket = {
    get text() {
      return bucketText(partsOfBucket.get(bucket));
    },
    sha256: hash,
  };
  return bucket;
}

function bucketText(parts: Parts | undefined): string {
  if (parts === undefined) throw new Error('a bucket has no parts');
  const { members, texts } = parts;
  const lists = listNames.map(
    (list) => `"${list}":[${members[list].map(({ entry }) => canonicalJson(entry)).join(',')}]`,
  );
  return `{${lists.join(',')},"texts":{${texts.map(([hash, text]) => textJson(hash, text)).join(',')}}}`;
}

/** Texts go by their hash, so the same entries mean equal texts. */
function holdsTheSame(bucket: EncodedBucket, members: Members): boolean {
  const held = partsOfBucket.get(bucket)?.members;
  if (held === undefined) return false;
  return listNames.every(
    (list) =>
      held[list].length === members[list].length &&
      held[list].every((member, index) => member === members[list][index]),
  );
}

function neededTexts(members: Members): readonly string[] {
  const hashes = new Set<string>();
  for (const list of [members.agents, members.jobs]) {
    for (const member of list) for (const hash of member.texts) hashes.add(hash);
  }
  return [...hashes].sort();
}

function textJson(hash: string, text: string): string {
  return `${JSON.stringify(hash)}:${JSON.stringify(text)}`;
}

function textOf(hash: string, texts: SnapshotContent['texts']): string {
  const text = texts[hash];
  if (text === undefined) throw new Error(`the snapshot lacks the text ${hash} that one of its entries names`);
  return text;
}
