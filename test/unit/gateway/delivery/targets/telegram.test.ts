import { describe, expect, it } from 'vitest';
import { platformSenders } from '../../../../../gateway/delivery/targets/platforms.ts';
import { startFakeTelegram, upgradedGroup } from '../../../../harness/fake-telegram.ts';
import { kept, type Sending, sendOnce, stopAfterEach } from './sending.ts';

const { telegram } = platformSenders;
const token = '123456:AAAbbb-ccc_ddd';

stopAfterEach();

async function started() {
  const platform = await kept(startFakeTelegram({ tokens: [token] }));
  const send = sendOnce(telegram, { credentials: { token: `${token}\n` }, settings: { apiURL: `${platform.url}/` } });
  return { platform, send };
}

describe('a message to Telegram', () => {
  it('goes to its chat and topic with the token of its account, and Telegram says how it calls it', async () => {
    const { platform, send } = await started();
    const text = telegram.render('**5 < 6** & `x`')[0] ?? '';
    const result = await send({ message: { chatId: '-1001', threadId: '17', text } });
    expect(result).toEqual({ kind: 'sent', receipt: { messageId: '1', threadId: '17' } });
    expect(platform.shown).toMatchObject([{ token, chat: '-1001', thread: '17' }]);
    expect(platform.shown[0]?.text).toBe('<b>5 &lt; 6</b> &amp; <code>x</code>');
  });

  it('to the topic General, which Telegram takes no topic for, arrives there', async () => {
    const { platform, send } = await started();
    expect(await send({ message: { threadId: '1' } })).toMatchObject({ kind: 'sent', receipt: { threadId: '1' } });
    expect(platform.shown).toMatchObject([{ thread: '' }]);
  });

  it('waits as long as Telegram asks', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'limit', seconds: 17 });
    expect(await send()).toEqual({
      kind: 'not-sent',
      error: 'Telegram answered 429: Too Many Requests: retry after 17',
      final: false,
      retryAfterMs: 17_000,
    });
  });

  it.each([
    [400, 'Bad Request: chat not found'],
    [403, 'Forbidden: bot was blocked by the user'],
    [403, 'Forbidden: bot was kicked from the supergroup chat'],
    [400, 'Bad Request: message thread not found'],
  ])('is given up after %i %s, with the reason', async (status, code) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', status, code });
    const error = `Telegram answered ${status}: ${code}`;
    expect(await send()).toEqual({ kind: 'not-sent', error, final: true });
  });

  it('says where a group went that was upgraded', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', code: 'Bad Request: group chat was upgraded to a supergroup chat' });
    expect(await send()).toMatchObject({
      final: true,
      error: expect.stringContaining(`set chatId to "${upgradedGroup}"`),
    });
  });

  it("with a token that Telegram does not know is the account's fault, not the message's", async () => {
    const { send } = await started();
    expect(await send({ credentials: { token: '9:other' } })).toEqual({
      kind: 'not-sent',
      error: 'Telegram answered 401: Unauthorized',
      final: false,
      accountBroken: true,
    });
  });

  it.each([
    [{}, 'has no value'],
    [{ token: '' }, 'has no value'],
    [{ token: 'not a token' }, 'holds something else than a token'],
    [{ token: '1:a/../../x' }, 'holds something else than a token'],
  ])('without a usable token (%j) is not tried', async (credentials, what) => {
    const { platform, send } = await started();
    const error = `the key \`token\` of the Secret of account ops/bot ${what}`;
    expect(await send({ credentials })).toEqual({ kind: 'not-sent', error, final: false, accountBroken: true });
    expect(platform.seen).toEqual([]);
  });

  it('with a topic that is no number is given up before it is sent', async () => {
    const { platform, send } = await started();
    expect(await send({ message: { threadId: 'x' } })).toMatchObject({
      final: true,
      error: expect.stringContaining('"x"'),
    });
    expect(platform.seen).toEqual([]);
  });

  it.each(['hang', 'reset', 'die', 'stall'] as const)(
    'may have arrived when Telegram meets it with: %s',
    async (kind) => {
      const { platform, send } = await started();
      platform.next({ kind });
      expect(await send()).toMatchObject({ kind: 'ambiguous' });
      expect(platform.shown).toHaveLength(kind === 'die' || kind === 'stall' ? 1 : 0);
    },
  );

  it.each([500, 502, 504])('may have arrived when the answer is %i', async (status) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', status, code: 'Internal Server Error' });
    expect(await send()).toMatchObject({ kind: 'ambiguous' });
  });

  it('is not taken for sent when something else than Telegram says 200', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'reply', reply: { status: 200, body: '<html>sign in to this network</html>' } });
    expect(await send()).toMatchObject({ kind: 'ambiguous' });
  });

  it('is not sent when nobody listens', async () => {
    const { platform, send } = await started();
    await platform.stop();
    expect(await send()).toEqual({ kind: 'not-sent', error: 'no connection to Telegram (ECONNREFUSED)', final: false });
  });
});

describe('the token, which is part of the address,', () => {
  const failures: [string, Sending, (platform: Awaited<ReturnType<typeof started>>['platform']) => void][] = [
    [
      'a refusal that repeats the address',
      {},
      (p) => p.next({ kind: 'refuse', code: `no route /bot${token}/sendMessage` }),
    ],
    ['a proxy that repeats it', {}, (p) => p.next({ kind: 'reply', reply: { status: 404, body: `/bot${token}/` } })],
    [
      'a redirect',
      {},
      (p) => p.next({ kind: 'reply', reply: { status: 302, body: '', headers: { location: `/bot${token}/` } } }),
    ],
    ['a reset', {}, (p) => p.next({ kind: 'reset' })],
    ['a late answer', {}, (p) => p.next({ kind: 'hang' })],
    ['an address that is none', { settings: { apiURL: 'http://[nonsense' } }, () => undefined],
    ['an address that may not be reached', { settings: { apiURL: 'http://169.254.169.254' } }, () => undefined],
    ['a name that does not exist', { settings: { apiURL: 'http://nothing.invalid' } }, () => undefined],
  ];
  it.each(failures)('is in no error: %s', async (_, sending, arrange) => {
    const { platform, send } = await started();
    arrange(platform);
    const result = await send(sending);
    expect(result.kind).not.toBe('sent');
    expect(JSON.stringify(result)).not.toContain('AAAbbb');
    expect(JSON.stringify(result).length).toBeLessThan(600);
  });
});
