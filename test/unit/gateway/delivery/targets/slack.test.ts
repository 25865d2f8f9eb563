import { describe, expect, it } from 'vitest';
import { platformSenders } from '../../../../../gateway/delivery/targets/platforms.ts';
import { startFakeSlack } from '../../../../harness/fake-slack.ts';
import { kept, sendOnce, stopAfterEach } from './sending.ts';

const { slack } = platformSenders;
const token = 'xoxb-1-secret';

stopAfterEach();

async function started() {
  const platform = await kept(startFakeSlack({ tokens: [token] }));
  return { platform, send: sendOnce(slack, { credentials: { token }, settings: { apiURL: platform.url } }) };
}

describe('a message to Slack', () => {
  it('goes to its channel and thread with the token of its account, and Slack says how it calls it', async () => {
    const { platform, send } = await started();
    const result = await send({ message: { chatId: 'C1', threadId: '1700000000.000100' } });
    expect(result).toEqual({
      kind: 'sent',
      receipt: { messageId: '1767225600.000001', threadId: '1700000000.000100' },
    });
    expect(platform.shown).toMatchObject([{ token, chat: 'C1', thread: '1700000000.000100', text: 'hello' }]);
  });

  it('outside a thread has no thread', async () => {
    const { platform, send } = await started();
    expect(await send()).toMatchObject({ kind: 'sent', receipt: { threadId: '' } });
    expect(platform.shown[0]?.request.body).not.toHaveProperty('thread_ts');
  });

  it('waits as long as Slack asks', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'limit', seconds: 30 });
    expect(await send()).toEqual({
      kind: 'not-sent',
      error: 'Slack answered ratelimited',
      final: false,
      retryAfterMs: 30_000,
    });
  });

  it.each(['channel_not_found', 'is_archived', 'not_in_channel', 'msg_too_long', 'restricted_action', 'new_code'])(
    'is given up after %s, with the reason',
    async (code) => {
      const { platform, send } = await started();
      platform.next({ kind: 'refuse', code });
      expect(await send()).toEqual({ kind: 'not-sent', error: `Slack answered ${code}`, final: true });
    },
  );

  it.each(['invalid_auth', 'account_inactive', 'token_revoked', 'token_expired', 'not_authed', 'missing_scope'])(
    'refused with %s is the fault of the account, not of the message',
    async (code) => {
      const { platform, send } = await started();
      platform.next({ kind: 'refuse', code });
      expect(await send()).toMatchObject({ kind: 'not-sent', final: false, accountBroken: true });
    },
  );

  it.each(['service_unavailable', 'team_added_to_org', 'request_timeout'])('is tried again after %s', async (code) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', code });
    expect(await send()).toEqual({ kind: 'not-sent', error: `Slack answered ${code}`, final: false });
  });

  it.each(['fatal_error', 'internal_error'])('may have arrived after %s', async (code) => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', code });
    expect(await send()).toEqual({ kind: 'ambiguous', error: `Slack answered ${code}` });
  });

  it.each(['hang', 'reset', 'die', 'stall'] as const)('may have arrived when Slack meets it with: %s', async (kind) => {
    const { platform, send } = await started();
    platform.next({ kind });
    expect(await send()).toMatchObject({ kind: 'ambiguous' });
    expect(platform.shown).toHaveLength(kind === 'die' || kind === 'stall' ? 1 : 0);
  });

  it('is not taken for sent when something else than Slack says 200', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'reply', reply: { status: 200, body: '<html>sign in to this network</html>' } });
    expect(await send()).toMatchObject({ kind: 'ambiguous' });
  });

  it.each([
    { ts: 'x'.repeat(257), message: {} },
    { ts: '1767225600.000001', message: { thread_ts: 'x'.repeat(12_000) } },
  ])('may have arrived when Slack answers with an id that is far too long', async (ids) => {
    const { platform, send } = await started();
    platform.next({ kind: 'reply', reply: { status: 200, body: { ok: true, ...ids } } });
    expect(await send()).toEqual({ kind: 'ambiguous', error: expect.stringContaining('without an id') });
  });

  it('without a token is not tried', async () => {
    const { platform, send } = await started();
    expect(await send({ credentials: {} })).toMatchObject({ accountBroken: true });
    expect(platform.seen).toEqual([]);
  });

  it('says nothing of the token when the answer repeats it', async () => {
    const { platform, send } = await started();
    platform.next({ kind: 'refuse', code: `bad token ${token}` });
    expect(await send()).toMatchObject({ error: 'Slack answered bad token [secret]' });
  });
});
