import { StringDecoder } from 'node:string_decoder';

/** Takes the bytes of one event stream in any pieces and gives the data of each event that is complete. */
export interface SseParser {
  /** Throws an Error when one event is longer than the bound. */
  readonly feed: (chunk: Uint8Array) => readonly string[];
}

/** Longer events are garbage, not an answer. In characters. */
const maxEventLength = 4 * 1024 * 1024;

/**
 * A parser for `text/event-stream` (WHATWG HTML, "Server-sent events"): LF, CRLF and CR end a line, several `data` lines
 * make one event, comments and every other field are passed over, UTF-8 may be cut anywhere.
 */
export function createSseParser(): SseParser {
  const decoder = new StringDecoder('utf8');
  /** The beginning of a line, in the pieces in which it came: a server may send megabytes of it a byte at a time. */
  let waiting: string[] = [];
  let waitingLength = 0;
  /** A CR at its end may be half of a CRLF, so it waits for the next piece. */
  let hasHalfBreak = false;
  let data: string[] = [];
  let length = 0;

  const takeLine = (line: string, events: string[]) => {
    if (line === '') {
      if (data.length > 0) events.push(data.length === 1 ? (data[0] ?? '') : data.join('\n'));
      data = [];
      length = 0;
    } else if (line.startsWith('data:')) {
      const value = line.charCodeAt(5) === 32 ? line.slice(6) : line.slice(5);
      data.push(value);
      length += value.length;
    }
  };

  const keep = (piece: string) => {
    waiting.push(piece);
    waitingLength += piece.length;
    if (waitingLength + length > maxEventLength) throw new Error('an event of the stream is longer than 4 MiB');
  };

  return {
    feed: (chunk) => {
      const events: string[] = [];
      const fresh = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      if (!hasHalfBreak && !fresh.includes('\n') && !fresh.includes('\r')) {
        keep(fresh);
        return events;
      }
      const text = waiting.length === 0 ? fresh : waiting.join('') + fresh;
      const end = text.endsWith('\r') ? text.length - 1 : text.length;
      let start = text.charCodeAt(0) === 0xfeff ? 1 : 0;
      for (let at = nextBreak(text, start, end); at !== -1; at = nextBreak(text, start, end)) {
        takeLine(text.slice(start, at), events);
        start = text.startsWith('\r\n', at) ? at + 2 : at + 1;
      }
      waiting = [];
      waitingLength = 0;
      hasHalfBreak = end < text.length;
      keep(text.slice(start));
      return events;
    },
  };
}

function nextBreak(text: string, from: number, end: number): number {
  for (let at = from; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 10 || code === 13) return at;
  }
  return -1;
}
