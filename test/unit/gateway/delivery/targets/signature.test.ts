import { describe, expect, it } from 'vitest';
import { signatureHeaders } from '../../../../../gateway/delivery/targets/signature.ts';

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const body = '{"test": 2432232314}';

describe('the signature of a webhook', () => {
  it('is that of the specification, for its own example', () => {
    expect(signatureHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, body, [secret])).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('stands once for each valid secret, the current one first', () => {
    const both = signatureHeaders('id', 1, body, [secret, 'whsec_b3RoZXI=']);
    const first = signatureHeaders('id', 1, body, [secret]);
    const second = signatureHeaders('id', 1, body, ['whsec_b3RoZXI=']);
    expect(both['webhook-signature']).toBe(`${first['webhook-signature']} ${second['webhook-signature']}`);
  });

  it('is the same with and without the prefix, and takes a secret that is no base64 as it is', () => {
    const signed = (key: string) => signatureHeaders('id', 1, body, [key])['webhook-signature'];
    expect(signed(secret.slice('whsec_'.length))).toBe(signed(secret));
    expect(signed('no base64!')).toBe(signed(Buffer.from('no base64!').toString('base64')));
  });

  it('is left out without a secret', () => {
    expect(signatureHeaders('id', 1, body, [])).toEqual({ 'webhook-id': 'id', 'webhook-timestamp': '1' });
  });
});
