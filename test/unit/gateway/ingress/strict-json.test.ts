import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../../../gateway/ingress/strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

describe('a JSON body', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.boolean(), (text, spaced) => {
        const written = spaced ? JSON.stringify(JSON.parse(text), null, 2) : text;
        expect(parse(written)).toEqual(JSON.parse(written));
      }),
    );
  });

  it.each([
    ['{"a":1,"a":1}', /"a" stands twice/],
    ['{"a":{"b":[{"c":1,"d":2,"c":3}]}}', /"c" stands twice/],
    [String.raw`{"a\\":1,"a\\":2}`, /stands twice/],
    [String.raw`{"key":1,"k\u0065y":2}`, /"key" stands twice/],
    [`${'['.repeat(10_000)}${']'.repeat(10_000)}`, /deeper than 256/],
    ['', /empty/],
    ['{"a":', /not valid JSON/],
    ['{"a"', /not valid JSON/],
    ['"', /not valid JSON/],
  ])('%s is refused', (text, why) => {
    expect(() => parse(text)).toThrow(why);
  });

  it('may have equal members in different objects, and strings that look like structure', () => {
    const text = String.raw`{"a":{"a":"{\"a\":"},"b":[{"a":"\\"},{"a":"]}"}]}`;
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('is refused when it is not UTF-8', () => {
    expect(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/UTF-8/);
  });
});
