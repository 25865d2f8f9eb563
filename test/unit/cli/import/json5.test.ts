import { describe, expect, it } from 'vitest';
import { parseJson5 } from '../../../../cli/import/openclaw/json5.ts';

describe('JSON5', () => {
  it.each([
    ['{a: 1, "b": [true, null,],}', { a: 1, b: [true, null] }],
    ["{ 'x': 'it\\'s' } // the end", { x: "it's" }],
    [
      '/* a */ {\n\t$y_1: +1.5, z: -2e3, h: 0x1F, "http://x": "http://y" // not: this\n}',
      { $y_1: 1.5, z: -2000, h: 31, 'http://x': 'http://y' },
    ],
    ['"\\u00e9\\n\\x41\\\nb"', 'é\nAb'],
    ['[90071992547409931, -1001234567890]', [90071992547409931n, -1001234567890]],
    ['{"__proto__": {"a": 1}}', JSON.parse('{"__proto__": {"a": 1}}')],
    ['\ufeff[]', []],
  ])('%s is read', (text, expected) => {
    expect(parseJson5(text)).toEqual(expected);
  });

  it.each([
    ['{a: 1', /line 1: "," or "}" is missing/],
    ['{\n  a 1}', /line 2: ":" is missing after "a"/],
    ['[1 2]', /"," or "\]" is missing/],
    ['{a: }', /a value is missing/],
    ['{a: yes}', /"yes" is no value/],
    ['"open', /a text has no end/],
    ['{} {}', /something follows/],
    ['', /a value is missing/],
    ['['.repeat(1_000), /nested too deep/],
  ])('%s is refused with the line', (text, expected) => {
    expect(() => parseJson5(text)).toThrow(expected);
  });
});
