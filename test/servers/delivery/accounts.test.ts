import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { account, broken, clerk, tableOf, texts, useAccountStage } from './account-stage.ts';
import { answers, fakePlatform, hangs, takes } from './fake-sender.ts';

const { query, start, leave, rowOf, becomes, skipBackoff, moveClock } = useAccountStage();

describe('a message through an account', () => {
  it('carries the credentials of that account, and the platform’s name of it is kept', async () => {
    const platform = fakePlatform();
    await start(platform);
    const id = await leave({ text: 'the report', thread: 'T1' });
    expect(await becomes(id, 'sent')).toMatchObject({ attempts: 1, message_id: 'm1', last_error: '' });
    expect(platform.seen).toMatchObject([
      { account: 'clerk/bot', token: 'token of bot', chatId: 'C1', threadId: 'T1', text: 'the report' },
    ]);
    expect(platform.seen[0]?.id).toBe(`dlv_${id.replaceAll('-', '')}`);
  });

  it('is part of the session of its chat, in order, which no user has to himself', async () => {
    const platform = fakePlatform();
    await start(platform);
    await leave({ text: 'first' });
    const last = await leave({ text: 'second' });
    await leave({ text: 'in a thread', thread: 'T1' });
    await becomes(last, 'sent');
    const said = await waitFor('three items', async () => {
      const rows = await query(
        `select s.agent, s.platform, s.account, s.chat_id, s.thread_id, s.user_id, s.principal, i.seq::integer,
           i.data #>> '{content,0,text}' as text
         from items i join sessions s on s.id = i.session_id order by s.thread_id, i.seq`,
      );
      return rows.length === 3 ? rows : undefined;
    });
    const session = {
      agent: 'clerk',
      platform: 'fake',
      account: 'clerk/bot',
      chat_id: 'C1',
      user_id: '',
      principal: '',
    };
    expect(said).toEqual([
      { ...session, thread_id: '', seq: 1, text: 'first' },
      { ...session, thread_id: '', seq: 2, text: 'second' },
      { ...session, thread_id: 'T1', seq: 1, text: 'in a thread' },
    ]);
  });

  it('waits for a Secret that is missing, and is sent when it is there', async () => {
    const platform = fakePlatform();
    const replica = await start(platform, { credentials: {} });
    const id = await leave();
    await waitFor('the reason', async () => (await rowOf(id)).last_error.startsWith('SecretNotFound'));
    replica.swap(await tableOf({ sequence: 2 }));
    await skipBackoff();
    await becomes(id, 'sent');
  });

  it('is sent with the new token when the Secret was rotated in mid-delivery', async () => {
    const platform = fakePlatform();
    platform.answer(answers({ kind: 'not-sent', error: 'busy', final: false, retryAfterMs: undefined }));
    const replica = await start(platform);
    const id = await leave();
    await waitFor('the first attempt to be recorded', async () => (await rowOf(id)).last_error === 'busy');
    replica.swap(await tableOf({ sequence: 2, agents: [clerk(account('bot', { credentials: { token: 'bot.v2' } }))] }));
    platform.answer(takes);
    await skipBackoff();
    await becomes(id, 'sent');
    expect(platform.seen.at(-1)?.token).toBe('new token of bot');
  });
});

describe('messages to one chat', () => {
  it('arrive in order: one that fails holds up those behind it, and no other chat', async () => {
    const platform = fakePlatform();
    platform.answer(({ chatId }, signal, count) =>
      chatId === 'C1' ? { kind: 'not-sent', error: 'busy', final: false } : takes({} as never, signal, count),
    );
    await start(platform);
    const ids = [];
    for (const text of ['one', 'two', 'three']) ids.push(await leave({ text }));
    const other = await leave({ text: 'elsewhere', chat: 'C2' });
    await becomes(other, 'sent');
    expect(new Set(texts(platform))).toEqual(new Set(['one', 'elsewhere']));
    platform.answer(takes);
    await skipBackoff();
    await becomes(ids[2] ?? '', 'sent');
    const sent = texts(platform).filter((text) => text !== 'elsewhere');
    expect(sent.slice(-3)).toEqual(['one', 'two', 'three']);
    expect(new Set(sent.slice(0, -2))).toEqual(new Set(['one']));
  });

  it('go on behind one that is given up, parked or expired', async () => {
    const platform = fakePlatform();
    platform.answer((message, signal, count) => {
      if (message.text === 'refused') return { kind: 'not-sent', error: 'no such message', final: true };
      if (message.text === 'lost') return { kind: 'ambiguous', error: 'reset' };
      if (message.text === 'late') return { kind: 'not-sent', error: 'busy', final: false };
      return takes(message, signal, count);
    });
    await start(platform);
    const refused = await leave({ text: 'refused' });
    const parked = await leave({ text: 'lost' });
    const late = await leave({ text: 'late', expireAfterSeconds: 60 });
    const last = await leave({ text: 'last' });
    await waitFor('the late one to be tried', () => texts(platform).includes('late'));
    await waitFor('its end', async () => (await rowOf(late)).last_error === 'busy');
    await moveClock(61);
    await becomes(last, 'sent');
    expect(await rowOf(refused)).toMatchObject({ status: 'dead', last_error: 'no such message', attempts: 1 });
    expect(await rowOf(parked)).toMatchObject({ status: 'ambiguous', last_error: 'reset', attempts: 1 });
    expect(await rowOf(late)).toMatchObject({ status: 'expired', last_error: 'busy' });
  });

  it('are 300 from two replicas, one of which is new, and each is sent once', async () => {
    const platform = fakePlatform();
    await Promise.all([start(platform, {}, 'a'), start(platform, {}, 'b')]);
    const wanted: string[] = [];
    for (let number = 0; number < 300; number += 1) {
      wanted.push(`${number}`);
      await leave({ text: `${number}`, chat: `C${number % 7}` });
    }
    await waitFor('all', () => platform.seen.length >= 300, { timeoutMs: 30_000 });
    await waitFor('all to be recorded', async () => {
      const rows = await query(`select from deliveries where status <> 'sent'`);
      return rows.length === 0;
    });
    for (let chat = 0; chat < 7; chat += 1) {
      const inChat = platform.seen.filter(({ chatId }) => chatId === `C${chat}`).map(({ text }) => text);
      expect(inChat).toEqual(wanted.filter((_, at) => at % 7 === chat));
    }
    expect(await query('select account from account_leases')).toEqual([{ account: 'clerk/bot' }]);
  });
});

describe('the limits of a platform', () => {
  it('are kept: a least time between two messages of an account, and of a chat', async () => {
    const platform = fakePlatform({ pace: { accountMs: 60, chatMs: 200 } });
    await start(platform);
    for (const chat of ['C1', 'C2', 'C1', 'C2']) await leave({ chat });
    await waitFor('all', () => platform.seen.length === 4);
    const times = platform.seen.map(({ at }) => at);
    const gaps = times.slice(1).map((at, before) => at - (times[before] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(55);
    for (const chat of ['C1', 'C2']) {
      const [first = 0, second = 0] = platform.seen.filter(({ chatId }) => chatId === chat).map(({ at }) => at);
      expect(second - first).toBeGreaterThanOrEqual(195);
    }
  });

  it('when it asks for patience in one chat the others go on', async () => {
    const platform = fakePlatform();
    platform.answer((message, signal, count) =>
      message.chatId === 'C1'
        ? { kind: 'not-sent', error: 'slow down here', final: false, retryAfterMs: 600_000 }
        : takes(message, signal, count),
    );
    await start(platform);
    const first = await leave();
    await waitFor('it to wait', async () => (await rowOf(first)).last_error === 'slow down here');
    await becomes(await leave({ chat: 'C2' }), 'sent');
    const behind = await leave();
    platform.answer(takes);
    await becomes(await leave({ chat: 'C3' }), 'sent');
    expect(platform.seen.filter(({ chatId }) => chatId === 'C1')).toHaveLength(1);
    await moveClock(601);
    await becomes(first, 'sent');
    await becomes(behind, 'sent');
  });

  it('when it asks for patience of the whole account, that waits, however many chats it has, and no other account', async () => {
    const platform = fakePlatform();
    platform.answer((message, signal, count) =>
      message.account === 'clerk/bot'
        ? { kind: 'not-sent', error: 'too many', final: false, retryAfterMs: 600_000, accountWaits: true }
        : takes(message, signal, count),
    );
    await start(platform, { agents: [clerk(account('bot'), account('other'))] });
    const first = await leave();
    await waitFor('the account to wait', async () => {
      const rows = await query('select from account_leases where paused_until > talaria_now()');
      return rows.length === 1;
    });
    const second = await leave({ chat: 'C2' });
    await becomes(await leave({ through: 'clerk/other' }), 'sent');
    expect(platform.seen.filter(({ account: of }) => of === 'clerk/bot')).toHaveLength(1);
    platform.answer(takes);
    await moveClock(601);
    await becomes(first, 'sent');
    await becomes(second, 'sent');
  });
});

describe('an account that the platform refuses', () => {
  it('keeps its messages until it works again, and is known as broken meanwhile', async () => {
    const platform = fakePlatform();
    platform.answer(broken);
    const { registry } = await start(platform);
    const id = await leave();
    const known = await waitFor('the account to be known as broken', async () => {
      const rows = await query<{ last_error: string }>(
        'select last_error from account_leases where broken_since is not null',
      );
      return rows[0];
    });
    expect(known.last_error).toBe('unauthorized');
    expect(await rowOf(id)).toMatchObject({ status: 'pending', last_error: 'unauthorized' });
    const metrics = await registry.metrics();
    expect(metrics).toContain('talaria_delivery_account_broken{account="clerk/bot"} 1');
    expect(metrics).toContain('talaria_deliveries{kind="fake",status="pending"} 1');
    expect(metrics).toMatch(/talaria_delivery_oldest_pending_seconds\{kind="fake"\} \d/);
    platform.answer(takes);
    await moveClock(16);
    await becomes(id, 'sent');
    expect(await query('select broken_since, last_error from account_leases')).toEqual([
      { broken_since: null, last_error: '' },
    ]);
  });

  it('is tried at once when its Secret changes', async () => {
    const platform = fakePlatform();
    platform.answer(({ token }, signal, count) =>
      token === 'token of bot' ? broken({} as never, signal, count) : takes({} as never, signal, count),
    );
    const replica = await start(platform);
    const id = await leave();
    await waitFor('the account to be refused', async () => (await rowOf(id)).last_error === 'unauthorized');
    replica.swap(await tableOf({ sequence: 2, agents: [clerk(account('bot', { credentials: { token: 'bot.v2' } }))] }));
    await becomes(id, 'sent');
  });

  it('lets its messages expire', async () => {
    const platform = fakePlatform();
    platform.answer(broken);
    await start(platform);
    const first = await leave({ expireAfterSeconds: 60 });
    const behind = await leave({ expireAfterSeconds: 60 });
    await waitFor('the account to be refused', async () => (await rowOf(first)).last_error === 'unauthorized');
    await moveClock(61);
    expect(await becomes(first, 'expired')).toMatchObject({ last_error: 'unauthorized' });
    expect(await becomes(behind, 'expired')).toMatchObject({ last_error: 'it could not be sent in time' });
  });

  it('or that hangs does not delay another', async () => {
    const platform = fakePlatform();
    platform.answer((message, signal, count) =>
      message.account === 'clerk/bot' ? hangs(message, signal, count) : takes(message, signal, count),
    );
    await start(platform, { agents: [clerk(account('bot'), account('other'))] });
    for (let chat = 0; chat < 200; chat += 1) await leave({ chat: `C${chat}` });
    const id = await leave({ through: 'clerk/other' });
    await becomes(id, 'sent');
    expect(platform.seen.filter(({ account: of }) => of === 'clerk/bot').length).toBeLessThanOrEqual(4);
  });
});
