import { describe, expect, it } from 'vitest';
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

function withImage(url: string): object {
  return { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] };
}
