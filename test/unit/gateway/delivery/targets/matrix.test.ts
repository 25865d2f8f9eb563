import { describe, expect, it } from 'vitest';
import { platformSenders } from '../../../../../gateway/delivery/targets/platforms.ts';
import { startFakeMatrix } from '../../../../harness/fake-matrix.ts';
import { kept, sendOnce, stopAfterEach } from './sending.ts';

const { matrix } = platformSenders;
const token = 'syt_secret_token';
const room = { chatId: '!ops:home.example' };

stopAfterEach();

async function started() {
  const platform = await kept(startFakeMatrix({ tokens: [token] }));
  const send = sendOnce(matrix, { credentials: { token }, settings: { homeserverURL: platform.url } });
  return { platform, send };
}

describe('a message to Matrix', () => {
  it('goes to its room with the token of its account, for clients with HTML and without', async () => {
    const { platform, send } = await started();
    const text = matrix.render('**Hi** [docs](https://a.example/?a=1&b=2)\n\n- 1 < 2')[0] ?? '';
    expect(await send({ message: { ...room, text } })).toEqual({
      kind: 'sent',
      receipt: { messageId: '$event1', threadId: '' },
    });
    expect(platform.shown).toMatchObject([{ token, chat: room.chatId, text }]);
    expect(platform.shown[0]?.request.body).toEqual({
      msgtype: 'm.text',
      format: 'org.matrix.custom.html',
      formatted_body: '<strong>Hi</strong> <a href="https://a.example/?a=1&amp;b=2">docs</a><br><br>• 1 &lt; 2',
      body: 'Hi docs (https://a.example/?a=1&b=2)\n\n• 1 < 2',
      'm.mentions': {},
    });
  });

  it('in a thread names its root, and replies to it for clients without threads', async () => {
    const { platform, send } = await started();
    const result = await send({ message: { ...room, threadId: '$root' } });
    expect(result).toMatchObject({ receipt: { threadId: '$root' } });
    expect(platform.shown[0]?.request.body['m.relates_to']).toEqual({
      rel_type: 'm.thread',
      event_id: '$root',
      is_falling_back: true,
      'm.in_reply_to': { event_id: '$root' },
    });
  });

  it('is shown once, however often it is sent after an answer that broke off', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'die' });
    expect(await send({ message: { ...room, id: 'dlv/a' } })).toMatchObject({ kind: 'ambiguous' });
    expect(await send({ message: { ...room, id: 'dlv/a' } })).toMatchObject({ receipt: { messageId: '$event1' } });
    expect(platform.shown).toMatchObject([{ key: 'dlv/a' }]);
    expect(matrix.sameIdForMs).toBeGreaterThan(60_000);
  });

  it('waits as long as the homeserver asks, in its body or its header', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'limit', seconds: 3 });
    expect(await send({ message: room })).toMatchObject({
      kind: 'not-sent',
      final: false,
      retryAfterMs: 3_000,
      accountWaits: true,
    });
    const body = { errcode: 'M_LIMIT_EXCEEDED' };
    platform.next({ kind: 'reply', reply: { status: 429, body, headers: { 'retry-after': '9' } } });
    expect(await send({ message: room })).toMatchObject({ final: false, retryAfterMs: 9_000 });
    platform.next({ kind: 'reply', reply: { status: 429, body: 'slow down', headers: { 'retry-after': '9' } } });
    expect(await send({ message: room })).toMatchObject({ retryAfterMs: 9_000, accountWaits: true });
  });

  it.each([
    [403, 'M_FORBIDDEN'],
    [404, 'M_NOT_FOUND'],
    [413, 'M_TOO_LARGE'],
  ])('is given up after %i %s, with the reason', async (status, code) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', status, code });
    const error = `the homeserver answered ${status}, ${code}, refused with ${code}`;
    expect(await send({ message: room })).toEqual({ kind: 'not-sent', error, final: true });
  });

  it.each([
    [401, 'M_UNKNOWN_TOKEN'],
    [401, 'M_MISSING_TOKEN'],
    [403, 'M_USER_DEACTIVATED'],
  ])('after %i %s is the fault of the account, not of the message', async (status, code) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', status, code });
    expect(await send({ message: room })).toMatchObject({ kind: 'not-sent', final: false, accountBroken: true });
  });

  it.each(['hang', 'reset'] as const)('may have arrived when the homeserver meets it with: %s', async (kind) => {
    const { platform, send } = await started();
    platform.next({ kind });
    expect(await send({ message: room })).toMatchObject({ kind: 'ambiguous' });
  });

  it('may have arrived when the homeserver answers with an id that is far too long', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'reply', reply: { status: 200, body: { event_id: `$${'x'.repeat(12_000)}` } } });
    expect(await send({ message: room })).toEqual({
      kind: 'ambiguous',
      error: expect.stringContaining('without an id'),
    });
  });

  it('to the alias of a room is given up before it is sent, with the cure', async () => {
    const { platform, send } = await started();
    const result = await send({ message: { chatId: '#ops:home.example' } });
    expect(result).toMatchObject({ final: true, error: expect.stringContaining('starts with "!"') });
    expect(platform.seen).toEqual([]);
  });

  it('from an account without a homeserver is the fault of the account', async () => {
    const { send } = await started();
    expect(await send({ settings: {}, message: room })).toMatchObject({ accountBroken: true });
  });
});
