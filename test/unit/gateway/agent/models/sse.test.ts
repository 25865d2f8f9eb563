import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseParser } from '../../../../../gateway/agent/models/sse.ts';

describe('an event stream', () => {
  it.each([
    ['one event', 'data: a\n\n', ['a']],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['CR alone', 'data: a\r\rdata: b\r\rx', ['a', 'b']],
    ['no blank after the colon', 'data:a\n\n', ['a']],
    ['only the first blank goes', 'data:  a\n\n', [' a']],
    ['several data lines', 'data: a\ndata: b\n\n', ['a\nb']],
    ['an empty data line', 'data:\n\n', ['']],
    ['comments and other fields', ': hello\nevent: x\nid: 3\nretry: 5\ndata: a\n\n', ['a']],
    ['a field whose name only begins alike', 'dataset: x\ndata: a\n\n', ['a']],
    ['a byte order mark', '\ufeffdata: a\n\n', ['a']],
    ['an event that is not complete', 'data: a\n\ndata: b\n', ['a']],
    ['blank lines between', '\n\n\ndata: a\n\n\n\n', ['a']],
  ])('%s', (_what, text, events) => {
    expect(createSseParser().feed(Buffer.from(text))).toEqual(events);
  });

  it('an event longer than the bound is refused', () => {
    const parser = createSseParser();
    const piece = Buffer.from('x'.repeat(1024 * 1024));
    parser.feed(Buffer.from('data: '));
    expect(() => {
      for (let at = 0; at < 6; at += 1) parser.feed(piece);
    }).toThrow(/4 MiB/);
  });

  it('a line of megabytes may come a few bytes at a time', () => {
    const parser = createSseParser();
    const piece = Buffer.from('xxxxxxxx');
    parser.feed(Buffer.from('data: '));
    for (let sent = 0; sent < 300_000; sent += 1) parser.feed(piece);
    expect(parser.feed(Buffer.from('\n\n')).map(({ length }) => length)).toEqual([2_400_000]);
  });

  it('is the same in whatever pieces it comes, split UTF-8 and split CRLF included', () => {
    const text = fc.string({ unit: 'grapheme' }).map((value) => value.replace(/[\r\n]/g, ' '));
    const newline = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(fc.array(text), newline, fc.array(fc.integer({ min: 1, max: 9 })), (texts, end, sizes) => {
        const parser = createSseParser();
        const events = texts.map((value) => `data: ${value}${end}${end}`).join('');
        const pieces = cut(Buffer.from(`${events}: the end${end}`), sizes);
        expect(pieces.flatMap((piece) => parser.feed(piece))).toEqual(texts);
      }),
      { seed: 7 },
    );
  });
});

/** Pieces of these sizes, and the rest as the last one. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    pieces.push(bytes.subarray(from, from + size));
    from += size;
  }
  return [...pieces, bytes.subarray(from)];
}
