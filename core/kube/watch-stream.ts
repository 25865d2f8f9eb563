import { KubeError } from './kube-error.ts';
import type { KubeObject, WatchEvent } from './types.ts';

/** Longer than any object that etcd takes (1.5 MiB), with room for what conversion adds. */
const maxLineChars = 32 * 1024 * 1024;

/**
 * Decodes the body of a watch: one JSON object a line, in chunks cut anywhere, also inside a character. An ERROR event
 * is thrown as the KubeError it carries; garbage is thrown as `BadAnswer`.
 */
export async function* watchEvents<T extends KubeObject>(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of linesOf(chunks)) {
    const event = eventOf<T>(line);
    if (event !== undefined) yield event;
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let pendingChars = 0;
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      yield parts.join('') + text.slice(from, end);
      parts = [];
      pendingChars = 0;
      from = end + 1;
    }
    if (from < text.length) parts.push(text.slice(from));
    pendingChars += text.length - from;
    if (pendingChars > maxLineChars) throw badAnswer(`a line is longer than ${maxLineChars} characters`);
  }
  // What is left without its line end was cut off: the reflector reads on from the last whole event.
}

interface RawEvent {
  readonly type?: unknown;
  readonly object?: unknown;
}

const types = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const;

function eventOf<T extends KubeObject>(line: string): WatchEvent<T> | undefined {
  if (line === '') return undefined;
  const { type, object } = parseLine(line);
  if (type === 'ERROR') throw errorOf(object);
  if (!isObject<T>(object)) throw badAnswer('an event without an object');
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion: object.metadata.resourceVersion ?? '' };
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type: types[type], object };
  throw badAnswer(`an event of the unknown type ${String(type).slice(0, 20)}`);
}

function parseLine(line: string): RawEvent {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Falls through to the one error below.
  }
  throw badAnswer(`a line that is not an event (${line.length} characters)`);
}

/** What comes from the API server has been validated there; only the metadata that we rely on is looked at. */
function isObject<T extends KubeObject>(value: unknown): value is T {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return false;
  return typeof value.metadata === 'object' && value.metadata !== null;
}

function errorOf(object: unknown): KubeError {
  const status: { code?: number; reason?: string; message?: string } =
    typeof object === 'object' && object !== null ? object : {};
  return new KubeError({
    status: status.code ?? 0,
    reason: status.reason ?? 'Unknown',
    message: `watch: ${status.message ?? 'the server reported an error without a message'}`,
  });
}

function badAnswer(what: string): KubeError {
  return new KubeError({ status: 0, reason: 'BadAnswer', message: `watch: ${what}` });
}
