import { describe, expect, it } from 'vitest';
import { TalariaError } from '../../../../core/lib/errors.ts';
import { encodeHeaderValue, readTalariaHeaders, talariaRequestHeaders } from '../../../../gateway/ingress/headers.ts';

describe('a value', () => {
  it.each([
    ['engineering', 'engineering'],
    ['  padded  ', 'padded'],
    ['-1001234567890', '-1001234567890'],
    ['!"#$&\'()*+,-./:;<=>?@[]^_`{|}~', '!"#$&\'()*+,-./:;<=>?@[]^_`{|}~'],
    ['caf%C3%A9', 'café'],
    ['a%20b', 'a b'],
    ['100%25', '100%'],
    ['x'.repeat(256), 'x'.repeat(256)],
    ['%E2%82%AC'.repeat(256), '€'.repeat(256)],
    ['%F0%9F%98%80'.repeat(256), '😀'.repeat(256)],
  ])('%j is read as %j', (written, value) => {
    expect(readTalariaHeaders(['X-Talaria-Chat-Id', written]).chatId).toBe(value);
  });

  it.each(['', ' ', '   '])('%j is absent', (written) => {
    expect(readTalariaHeaders(['X-Talaria-Chat-Id', written]).chatId).toBe('');
  });

  it.each([
    ['of 257 characters', 'x'.repeat(257)],
    ['of 257 characters when decoded', '%E2%82%AC'.repeat(257)],
    ['with a blank inside', 'a b'],
    ['with a tab', 'a\tb'],
    ['with a NUL', 'a\0b'],
    ['with a carriage return', 'a\rb'],
    ['with a line feed', 'a\nb'],
    ['with DEL', 'a\x7fb'],
    ['with Latin-1', 'café'],
    ['with a percent sign that encodes nothing', '100%'],
    ['with half an encoded byte', 'a%2'],
    ['with encoded bytes that are no UTF-8', '%C3%28'],
    ['with an encoded lone surrogate', '%ED%A0%80'],
    ['with an encoded NUL', 'a%00b'],
    ['with an encoded line feed', 'a%0Ab'],
    ['with an encoded C1 control', 'a%C2%85b'],
    ['that is an encoded blank', '%20'],
    ['that ends with an encoded blank', 'a%20'],
  ])('%s is refused', (_what, written) => {
    expect(refusal(['X-Talaria-User-Id', written])).toMatchObject({
      code: 'invalid_header',
      param: 'x-talaria-user-id',
    });
  });
});

describe('doubled headers and aliases', () => {
  it('every header has its field, by either name and in any case', () => {
    const fields = ['chatId', 'userId', 'threadId', 'sessionId', 'sessionKey'] as const;
    for (const [at, name] of talariaRequestHeaders.entries()) {
      expect(readTalariaHeaders([name.toUpperCase(), 'v'])).toMatchObject({ [fields[at % 5] ?? '']: 'v' });
    }
    expect(talariaRequestHeaders).toHaveLength(10);
  });

  it.each([
    ['with different values', ['X-Talaria-Chat-Id', 'a', 'x-talaria-chat-id', 'b']],
    ['with equal values', ['X-Talaria-Chat-Id', 'a', 'X-Talaria-Chat-Id', 'a']],
    ['of which one is blank', ['X-Talaria-Chat-Id', '', 'X-Talaria-Chat-Id', 'a']],
    ['under the alias', ['X-Hermes-Chat-Id', 'a', 'X-Hermes-Chat-Id', 'a']],
  ])('a doubled header %s is refused', (_what, rawHeaders) => {
    expect(refusal(rawHeaders)).toMatchObject({ code: 'invalid_header' });
  });

  it('an alias that disagrees is refused, also when the difference is only encoded', () => {
    expect(refusal(['X-Talaria-Chat-Id', 'a', 'X-Hermes-Chat-Id', 'b'])).toMatchObject({ code: 'invalid_header' });
    expect(refusal(['X-Talaria-Chat-Id', 'a', 'X-Hermes-Chat-Id', '%41'])).toMatchObject({ code: 'invalid_header' });
  });

  it('an alias that agrees is taken, and so is one beside a blank header', () => {
    expect(readTalariaHeaders(['X-Talaria-Chat-Id', '%C3%A9', 'X-Hermes-Chat-Id', '%c3%a9']).chatId).toBe('é');
    expect(readTalariaHeaders(['X-Talaria-Chat-Id', ' ', 'X-Hermes-Chat-Id', 'b']).chatId).toBe('b');
  });

  it('aliases that were used are told, so that the answer can repeat them', () => {
    expect(readTalariaHeaders(['X-Hermes-User-Id', 'ada', 'X-Talaria-Chat-Id', 'c']).aliases).toEqual([
      ['x-hermes-user-id', 'ada'],
    ]);
  });

  it('a header of any other name is nobody’s business', () => {
    const fields = readTalariaHeaders(['X-Team', 'a', 'X-Team', 'b', 'X-Talaria-Team', 'caf\xe9', 'Accept', '*/*']);
    expect(fields).toMatchObject({ chatId: '', userId: '', threadId: '', sessionId: '', sessionKey: '', aliases: [] });
  });
});

describe('a value in an answer', () => {
  it.each(['plain', 'café', 'a b', '100%', '😀', 'a:b/c'])('%j survives the way out and in', (value) => {
    const written = encodeHeaderValue(value);
    expect(written).toMatch(/^[\x21-\x7e]+$/);
    expect(readTalariaHeaders(['X-Talaria-Chat-Id', written]).chatId).toBe(value);
  });
});

function refusal(rawHeaders: readonly string[]): unknown {
  try {
    return readTalariaHeaders(rawHeaders);
  } catch (error) {
    expect(error).toBeInstanceOf(TalariaError);
    return error;
  }
}
