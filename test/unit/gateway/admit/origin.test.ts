import { describe, expect, it } from 'vitest';
import { refuseForeign } from '../../../../gateway/admit/origin.ts';

describe('a gateway that asks for no key', () => {
  it.each([
    [{ host: '127.0.0.1:8642' }],
    [{ host: 'localhost:8642' }],
    [{ host: 'LOCALHOST' }],
    [{ host: '[::1]:8642' }],
    [{ host: '127.0.0.1:8642', origin: 'http://127.0.0.1:8642' }],
    [{ host: 'localhost:8642', origin: 'https://chat.example.com' }],
  ])('answers %j', (headers) => {
    expect(() => refuseForeign(headers, ['https://chat.example.com'])).not.toThrow();
  });

  it.each([
    [{}],
    [{ host: '' }],
    [{ host: 'example.com' }],
    [{ host: 'example.com:8642' }],
    [{ host: '127.0.0.1.example.com' }],
    [{ host: 'localhost.example.com' }],
    [{ host: '127.0.0.1:8642@example.com' }],
    [{ host: '192.168.1.4:8642' }],
    [{ host: '127.0.0.1:8642', origin: 'https://example.com' }],
    [{ host: '127.0.0.1:8642', origin: 'http://127.0.0.1:3000' }],
    [{ host: '127.0.0.1:8642', origin: 'https://127.0.0.1:8642' }],
    [{ host: '127.0.0.1:8642', origin: 'null' }],
  ])('refuses %j', (headers) => {
    expect(() => refuseForeign(headers, ['https://chat.example.com', '*'])).toThrowError(
      expect.objectContaining({ code: 'origin_refused' }),
    );
  });
});
