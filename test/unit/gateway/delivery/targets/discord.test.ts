import { describe, expect, it } from 'vitest';
import { platformSenders } from '../../../../../gateway/delivery/targets/platforms.ts';
import { startFakeDiscord } from '../../../../harness/fake-discord.ts';
import { kept, sendOnce, stopAfterEach } from './sending.ts';

const { discord } = platformSenders;
const token = 'MTIz.abc.def-ghi';

stopAfterEach();

async function started() {
  const platform = await kept(startFakeDiscord({ tokens: [token] }));
  return { platform, send: sendOnce(discord, { credentials: { token }, settings: { apiURL: platform.url } }) };
}

describe('a message to Discord', () => {
  it('goes to its channel with the token of its account, and mentions nobody', async () => {
    const { platform, send } = await started();
    const result = await send({ message: { text: '@everyone hello' } });
    expect(result).toEqual({ kind: 'sent', receipt: { messageId: '1200000000000000001', threadId: '' } });
    expect(platform.shown).toMatchObject([{ token, chat: '100', text: '@everyone hello' }]);
    expect(platform.shown[0]?.request.body).toMatchObject({ allowed_mentions: { parse: [] } });
  });

  it('in a thread goes to the thread, which is a channel of its own', async () => {
    const { platform, send } = await started();
    expect(await send({ message: { threadId: '200' } })).toMatchObject({ receipt: { threadId: '200' } });
    expect(platform.shown).toMatchObject([{ chat: '200' }]);
  });

  it('is shown once, however often it is sent after an answer that broke off', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'die' });
    expect(await send({ message: { id: 'dlv_a' } })).toMatchObject({ kind: 'ambiguous' });
    const again = await send({ message: { id: 'dlv_a' } });
    expect(again).toMatchObject({ kind: 'sent', receipt: { messageId: '1200000000000000001' } });
    expect(platform.shown).toHaveLength(1);
    await send({ message: { id: 'dlv_b' } });
    expect(platform.shown).toHaveLength(2);
    expect(discord.sameIdForMs).toBeGreaterThan(60_000);
  });

  it('waits as long as Discord asks, in fractions of seconds', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'limit', seconds: 0.312 });
    const result = await send();
    expect(result).toMatchObject({ kind: 'not-sent', final: false, retryAfterMs: 312 });
    expect(result).not.toHaveProperty('accountWaits');
  });

  it('says that the limit is one of all channels', async () => {
    const { platform, send } = await started();
    const body = { message: 'You are being rate limited.', retry_after: 64.57, global: true };
    platform.next({ kind: 'reply', reply: { status: 429, body } });
    expect(await send()).toMatchObject({
      retryAfterMs: 64_570,
      accountWaits: true,
      error: expect.stringContaining('all channels'),
    });
  });

  it.each([
    [403, '50001', 'Missing Access'],
    [403, '50013', 'Missing Permissions'],
    [403, '50007', 'Cannot send messages to this user'],
    [404, '10003', 'Unknown Channel'],
  ])('is given up after %i, code %s, with the reason', async (status, code, message) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', status, code });
    const error = `Discord answered ${status}, code ${code}, ${message}`;
    expect(await send()).toEqual({ kind: 'not-sent', error, final: true });
  });

  it.each([
    [401, '0'],
    [403, '40002'],
  ])('after %i, code %s is the fault of the account, not of the message', async (status, code) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', status, code });
    expect(await send()).toMatchObject({ kind: 'not-sent', final: false, accountBroken: true });
  });

  it('is tried again when what stands before Discord refuses the address', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'reply', reply: { status: 403, body: 'error code: 1015' } });
    expect(await send()).toMatchObject({ kind: 'not-sent', final: false });
  });

  it.each(['hang', 'reset'] as const)('may have arrived when Discord meets it with: %s', async (kind) => {
    const { platform, send } = await started();
    platform.next({ kind });
    expect(await send()).toMatchObject({ kind: 'ambiguous' });
  });

  it('is not taken for sent when something else than Discord says 200', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'reply', reply: { status: 200, body: {} } });
    expect(await send()).toMatchObject({ kind: 'ambiguous' });
  });

  it.each([
    [{ chatId: '../users/@me' }, 'chatId'],
    [{ threadId: 'general' }, 'threadId'],
  ])('with %j is given up before it is sent', async (message, field) => {
    const { platform, send } = await started();
    const result = await send({ message });
    expect(result).toMatchObject({ final: true, error: expect.stringMatching(`^${field} must be a number`) });
    expect(platform.seen).toEqual([]);
  });
});
