import { isObject } from '../../core/lib/is-object.ts';

/**
 * What a hint is about: `session` its turns, `run` a stop or an approval, `events` what a run did, `queue` runs that wait
 * for a worker, `delivery` what waits for a sender.
 */
export type HintTopic = (typeof topics)[number];
const topics = ['session', 'run', 'events', 'queue', 'delivery'] as const;

/** One hint; the id '' stands for every id of its topic. */
export type Hint = readonly [topic: HintTopic, id: string];

/** What one replica, `from`, tells the others: hints, or the nonce of its own self-test. */
export interface HintMessage {
  readonly from: string;
  readonly hints: readonly Hint[];
  readonly test?: string;
}

/**
 * Writes hints as few payloads of NOTIFY, each a JSON object with the ids by topic. A replica of another version may have
 * topics of its own. An id too long for a payload is told as '' of its topic.
 */
export function encodeHints(from: string, hints: Iterable<Hint>): readonly string[] {
  return split(hints, maxBytes - byteLength({ from })).map((ids) => JSON.stringify({ from, ...ids }));
}

/** Writes the payload of a self-test. */
export function encodeTest(from: string, nonce: string): string {
  return JSON.stringify({ from, test: nonce });
}

/** Reads a payload; undefined when it is none. Topics that this version does not know are left out. */
export function decodeMessage(payload: string): HintMessage | undefined {
  const message = parseObject(payload);
  if (message === undefined || typeof message.from !== 'string') return undefined;
  const { from, test } = message;
  if (test !== undefined) return typeof test === 'string' ? { from, hints: [], test } : undefined;
  const hints: Hint[] = [];
  for (const topic of topics) {
    const ids = message[topic] ?? [];
    if (!Array.isArray(ids)) return undefined;
    for (const id of ids as unknown[]) {
      if (typeof id !== 'string') return undefined;
      hints.push([topic, id]);
    }
  }
  return { from, hints };
}

/** PostgreSQL refuses a payload of 8000 bytes. */
const maxBytes = 7_900;
const maxIdBytes = 7_000;

type IdsByTopic = Partial<Record<HintTopic, string[]>>;

/** Bytes are those of JSON; a comma is counted for each part. */
function split(hints: Iterable<Hint>, maxPartBytes: number): readonly IdsByTopic[] {
  const parts: IdsByTopic[] = [];
  let part: IdsByTopic = {};
  let bytes = Number.POSITIVE_INFINITY;
  for (const [topic, told] of hints) {
    const id = byteLength(told) > maxIdBytes ? '' : told;
    const idBytes = byteLength(id) + 1;
    const topicBytes = byteLength(topic) + 4;
    bytes += idBytes + (part[topic] === undefined ? topicBytes : 0);
    if (bytes > maxPartBytes) {
      part = {};
      parts.push(part);
      bytes = idBytes + topicBytes;
    }
    const ids = part[topic] ?? [];
    part[topic] = ids;
    ids.push(id);
  }
  return parts;
}

function byteLength(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
