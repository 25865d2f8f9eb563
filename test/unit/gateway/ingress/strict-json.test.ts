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
    ['{ "key" : 1 ,\n\t"key"\r\n: 2 }', /"key" stands twice/],
    ['{"__proto__":1,"__proto__":2}', /"__proto__" stands twice/],
    ['{"7":1,"7":2}', /"7" stands twice/],
    ['{"":1,"":2}', /"" stands twice/],
    [`{"a":${'['.repeat(200)}${']'.repeat(200)},"a":1}`, /"a" stands twice/],
    [`{"a":${'['.repeat(300)}${']'.repeat(300)},"a":1}`, /deeper than 256/],
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

  it('with one member written a second time is refused, wherever that is', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1 });
    fc.assert(
      fc.property(object, fc.nat(), fc.boolean(), (value, which, isWithin) => {
        const written = JSON.stringify(value);
        const names = Object.keys(value);
        const twin = names[which % names.length] ?? '';
        const doubled = `{${JSON.stringify(twin)}:0,${written.slice(1)}`;
        const nested = isWithin ? `[{"a":${doubled}},"\\"{:"]` : doubled;
        expect(() => parse(nested)).toThrow(/stands twice/);
      }),
    );
  });

  it('is read rightly whatever names were read before and however names are written', () => {
    parse(String.raw`{"role":"user","content":"x","\\u0063o":1}`);
    const written = String.raw`{"role":"user","\u0063ontent":"safe"}`;
    expect(parse(written)).toEqual({ role: 'user', content: 'safe' });
    const twin = String.raw`{"role":"user","content":"safe","\u0063ontent":"evil"}`;
    expect(() => parse(twin)).toThrow(/"content" stands twice/);
  });

  it('may write its names with escapes, all of them or some', () => {
    const values = fc.jsonValue({ maxDepth: 5 });
    fc.assert(
      fc.property(values, fc.nat(3), (value, every) => {
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        expect(parse(writtenWithEscapes(plain, every))).toEqual(plain);
      }),
    );
  });

  it('with escapes in names is refused for twins and depth, too', () => {
    expect(() => parse(String.raw`{"\u0061":{"b":1,"b":2}}`)).toThrow(/"b" stands twice/);
    expect(() => parse(String.raw`{"__proto__":1,"__prot\u006f__":2}`)).toThrow(/"__proto__" stands twice/);
    expect(() => parse(`{"\\u0061":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)).toThrow(/deeper than 256/);
    expect(Object.hasOwn(parse(String.raw`{"__prot\u006f__":1}`) as object, '__proto__')).toBe(true);
  });

  it('has 256 levels at most, objects and lists alike', () => {
    const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}${']}'.repeat(levels / 2)}`;
    expect(parse(nested(256))).toEqual(JSON.parse(nested(256)));
    expect(() => parse(`[${nested(256)}]`)).toThrow(/deeper than 256/);
  });

  it('is refused when it is not UTF-8', () => {
    expect(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/UTF-8/);
  });
});

/** JSON with blanks, in which each name has the escapes of every so many of its characters. */
function writtenWithEscapes(value: unknown, every: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[ ${value.map((member) => writtenWithEscapes(member, every)).join(' ,\n')}]`;
  const members = Object.entries(value).map(
    ([name, member]) => `"${escaped(name, every)}" : ${writtenWithEscapes(member, every)}`,
  );
  return `{\t${members.join(',')} }`;
}

function escaped(name: string, every: number): string {
  const units = name.split('').map((unit, at) => {
    const isPlain = at % (every + 1) !== 0 && /[ !#-[\]-~]/.test(unit);
    return isPlain ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return units.join('');
}
