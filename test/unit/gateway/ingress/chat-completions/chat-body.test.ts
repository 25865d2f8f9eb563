import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TalariaError } from '../../../../../core/lib/errors.ts';
import { readChatBody } from '../../../../../gateway/ingress/chat-completions/chat-body.ts';

describe('the image of a message', () => {
  it.each([
    ['https://example.com/a.png'],
    ['http://10.0.0.1:8080/a'],
    ['HTTPS://EXAMPLE.COM/A.PNG'],
    ['data:image/png;base64,AA=='],
    ['data:image/svg+xml;charset=utf-8;base64,AA=='],
  ])('may be at %s', (url) => {
    expect(readChatBody(withImage(url)).messages[0]?.content).toEqual([{ type: 'image_url', image_url: { url } }]);
  });

  it.each([
    ['file:///etc/passwd'],
    ['ftp://example.com/a.png'],
    ['javascript:alert(1)'],
    ['data:text/html;base64,AA=='],
    ['data:image/svg+xml,<svg/>'],
    ['data:,'],
    ['https://'],
    ['/a.png'],
    [''],
    [` https://example.com/a.png`],
    [`data:image/${'x'.repeat(200)};base64,AA==`],
  ])('at %s is refused, and the field is named', (url) => {
    expect(() => readChatBody(withImage(url))).toThrowError(
      expect.objectContaining({ code: 'invalid_request', param: 'messages[0].content[0].image_url.url' }),
    );
  });
});

it('a body of usual fields is read, and refused, as one with a field more', () => {
  const odd = fc.constantFrom<unknown>(null, true, -1, 0.5, 1, 3, '', 'text', [], ['a'], {}, { include_usage: true });
  const said = fc.constantFrom<unknown>([{ role: 'user', content: 'hi' }], [], [{ role: 'nobody' }], null);
  const [model, stream, max_tokens, stop] = [odd, odd, odd, odd];
  const fields = { model, stream, max_tokens, stop, messages: said, stream_options: odd, temperature: odd, top_p: odd };
  const bodies = fc.record({ ...fields, max_completion_tokens: odd }, { requiredKeys: [] });
  const outcome = (body: object): unknown => {
    try {
      return readChatBody(body);
    } catch (error) {
      if (!(error instanceof TalariaError)) throw error;
      return { code: error.code, param: error.param, message: error.message };
    }
  };
  fc.assert(
    fc.property(bodies, (body) => {
      expect(outcome(body)).toEqual(outcome({ ...body, seed: null }));
    }),
    { numRuns: 500, examples: [[{ messages: [{ role: 'user', content: 'hi' }], stream: true }]] },
  );
});

function withImage(url: string): object {
  return { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] };
}
