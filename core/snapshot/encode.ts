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
  /** Canonical JSON of a SnapshotContent. */
  readonly text: string;
  /** SHA-256 (hex) of `text`. */
  readonly sha256: string;
}

/** Beyond this many bytes of canonical JSON the content is spread over `maxBuckets` buckets. */
export const oneBucketBytes = 64 * 1024;

/**
 * Encodes a snapshot; the order of its lists does not matter. `previous` makes it fast: the text of an entry object is
 * kept as long as the object lives, and a bucket in which nothing changed is taken over. Entries must therefore never
 * be mutated. Throws when a text that an entry names is missing.
 */
export function encodeSnapshot(content: SnapshotContent, previous?: EncodedSnapshot): EncodedSnapshot {
  const members = membersOf(content);
  const count = totalBytes(members, content.texts) <= oneBucketBytes ? 1 : maxBuckets;
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

/** What encoding needs to know of one entry. It is kept with the entry object. */
interface Member {
  readonly name: string;
  readonly uid: string;
  readonly json: string;
  readonly bytes: number;
  /** Its bucket when there are `maxBuckets`. */
  readonly bucket: number;
  readonly texts: readonly string[];
}

type Members = Readonly<Record<ListName, readonly Member[]>>;

const memberOfEntry = new WeakMap<Entry, Member>();
const membersOfBucket = new WeakMap<EncodedBucket, Members>();

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
  const json = canonicalJson(entry);
  const member = {
    name: entry.name,
    uid: entry.uid,
    json,
    bytes: Buffer.byteLength(json),
    bucket: bucketOf(entry.uid, maxBuckets),
    texts: texts(),
  };
  memberOfEntry.set(entry, member);
  return member;
}

function sorted(members: readonly Member[]): readonly Member[] {
  return members.toSorted((a, b) => compare(a.name, b.name) || compare(a.uid, b.uid));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function totalBytes(members: Members, texts: SnapshotContent['texts']): number {
  let bytes = 0;
  for (const list of listNames) for (const member of members[list]) bytes += member.bytes;
  for (const hash of neededTexts(members)) {
    if (bytes > oneBucketBytes) return bytes;
    bytes += Buffer.byteLength(textJson(hash, texts));
  }
  return bytes;
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
  const texts = neededTexts(members).map((hash) => `${JSON.stringify(hash)}:${textJson(hash, content.texts)}`);
  const lists = listNames.map((list) => `"${list}":[${members[list].map((member) => member.json).join(',')}]`);
  const text = `{${lists.join(',')},"texts":{${texts.join(',')}}}`;
  const bucket = { text, sha256: sha256(text) };
  membersOfBucket.set(bucket, members);
  return bucket;
}

/** Texts go by their hash, so equal entries mean equal texts. */
function holdsTheSame(bucket: EncodedBucket, members: Members): boolean {
  const held = membersOfBucket.get(bucket);
  if (held === undefined) return false;
  return listNames.every(
    (list) =>
      held[list].length === members[list].length &&
      held[list].every((member, index) => member.json === members[list][index]?.json),
  );
}

function neededTexts(members: Members): readonly string[] {
  const hashes = new Set<string>();
  for (const list of [members.agents, members.jobs]) {
    for (const member of list) for (const hash of member.texts) hashes.add(hash);
  }
  return [...hashes].sort();
}

function textJson(hash: string, texts: SnapshotContent['texts']): string {
  const text = texts[hash];
  if (text === undefined) throw new Error(`the snapshot lacks the text ${hash} that one of its entries names`);
  return JSON.stringify(text);
}
