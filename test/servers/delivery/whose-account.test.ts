import { describe, expect, it } from 'vitest';
import type { AgentEntry, RouteEntry } from '../../../core/snapshot/schema.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry } from '../schedule/entries.ts';
import { type Account, account, clerk, tableOf, texts, useAccountStage } from './account-stage.ts';
import { fakePlatform } from './fake-sender.ts';

const { query, store, start, leave, rowOf, becomes } = useAccountStage();

describe('a message whose account was not known when its run ended', () => {
  const late = async () => {
    const id = await store({
      text: 'one\n---\ntwo\n---\nthree',
      status: 'dead',
      target: 'deliver/chat',
      kind: 'account',
      line: 'chat:clerk/bot:C1',
      destination: { account: 'clerk/bot', platform: '', chatId: 'C1', threadId: '' },
    });
    await query(`select retry_delivery($1, 'clerk', array['dead'])`, [id]);
    return id;
  };

  it('is sent by hand once the account is there: all its parts in order, and the chat knows them', async () => {
    const platform = fakePlatform({ sameIdForMs: 60_000 });
    await start(platform);
    const id = await late();
    const rows = await waitFor('all parts to be sent', async () => {
      const found = await query<{ status: string }>(
        `select id, status, part, parts, data #>> '{data,text}' as text, data #>> '{data,part}' as in_body,
           expires_at - created_at > interval '59 minutes' as has_time
         from deliveries order by seq`,
      );
      return found.length === 3 && found.every(({ status }) => status === 'sent') ? found : undefined;
    });
    const part = { parts: 3, has_time: true };
    expect(rows).toMatchObject([
      { ...part, id, part: 1, in_body: '1', text: 'one' },
      { ...part, part: 2, in_body: '2', text: 'two' },
      { ...part, part: 3, in_body: '3', text: 'three' },
    ]);
    expect(texts(platform)).toEqual(['one', 'two', 'three']);
    const said = `select s.platform, i.data #>> '{content,0,text}' as text
      from items i join sessions s on s.id = i.session_id order by i.seq`;
    expect(await query(said)).toEqual(['one', 'two', 'three'].map((text) => ({ platform: 'fake', text })));
  });

  it('is refused as before while the account is still missing', async () => {
    const platform = fakePlatform();
    await start(platform, { agents: [clerk()] });
    expect((await becomes(await late(), 'dead')).last_error).toMatch(/^AccountNotFound/);
    expect(await query('select parts from deliveries')).toEqual([{ parts: 1 }]);
  });
});

describe('a replica whose snapshot is older than a message', () => {
  const recreated = { ...clerk(account('bot')), uid: 'another' };
  const older: [string, AgentEntry][] = [
    ['does not know its account', clerk()],
    ['knows another Agent of that name', recreated],
  ];

  it.each(older)('and %s leaves it to one that is up to date', async (_, agent) => {
    const platform = fakePlatform();
    await start(platform, { sequence: 1, agents: [agent] }, 'old');
    const line = await store({ sequence: 2 });
    const id = await leave({ sequence: 2 });
    await waitFor('it to be in its line', async () => (await query('select from deliveries where head')).length === 2);
    expect(await rowOf(id)).toMatchObject({ status: 'pending', attempts: 0, last_error: '' });
    await start(platform, { sequence: 2 }, 'new');
    await becomes(id, 'sent');
    await becomes(line, 'sent');
  });

  it('gives back the account that it sends for', async () => {
    const platform = fakePlatform();
    await start(platform, { sequence: 1 }, 'old');
    await becomes(await leave({ sequence: 1 }), 'sent');
    await start(
      platform,
      { sequence: 2, agents: [clerk(account('bot', { credentials: { token: 'bot.v2' } }))] },
      'new',
    );
    await becomes(await leave({ sequence: 2 }), 'sent');
    expect(platform.seen.map(({ token }) => token)).toEqual(['token of bot', 'new token of bot']);
  });

  it('sends and refuses again what it knows once it is up to date', async () => {
    const platform = fakePlatform();
    const replica = await start(platform, { sequence: 1, agents: [clerk()] });
    const id = await leave({ sequence: 2 });
    await waitFor('it to be in its line', async () => (await query('select from deliveries where head')).length === 1);
    replica.swap(await tableOf({ sequence: 2, agents: [clerk()] }));
    expect((await becomes(id, 'dead')).last_error).toMatch(/^AccountNotFound/);
  });
});

describe('an account of another Agent', () => {
  const other = (change: Partial<Account> = {}) => agentEntry('other', { accounts: [account('other', change)] });
  const route = (chatId: string): RouteEntry => ({
    name: 'hand-over',
    uid: 'r1',
    generation: 1,
    priority: 0,
    createdAt: '2026-01-01T00:00:00Z',
    rules: [
      {
        name: 'to-clerk',
        matches: [{ platform: 'fake', account: 'other/other', chatId }],
        agentRefs: [{ name: 'clerk', weight: 1 }],
      },
    ],
  });
  const through = 'other/other';

  it('that is not shared is refused, and its token never leaves', async () => {
    const platform = fakePlatform();
    await start(platform, { agents: [clerk(account('bot')), other()], routes: [route('C1')] });
    const id = await leave({ through });
    expect((await becomes(id, 'dead')).last_error).toMatch(/^AccountNotShared: .*shared: true/);
    expect(platform.seen).toEqual([]);
  });

  it('that is shared is used for chats that a Route gives to the agent, with that account’s own token', async () => {
    const platform = fakePlatform();
    await start(platform, { agents: [clerk(account('bot')), other({ shared: true })], routes: [route('C1')] });
    await becomes(await leave({ through, chat: 'C1' }), 'sent');
    const id = await leave({ through, chat: 'C2' });
    expect((await becomes(id, 'dead')).last_error).toMatch(/^ChatNotRouted: .*"C2".*"clerk"/);
    expect(platform.seen).toMatchObject([{ chatId: 'C1', token: 'token of other' }]);
  });

  it('is refused from the moment on at which the Route is gone', async () => {
    const platform = fakePlatform();
    const agents = [clerk(account('bot')), other({ shared: true })];
    const replica = await start(platform, { agents, routes: [route('C1')] });
    await becomes(await leave({ through, chat: 'C1' }), 'sent');
    replica.swap(await tableOf({ sequence: 2, agents }));
    expect((await becomes(await leave({ through, chat: 'C1' }), 'dead')).last_error).toMatch(/^ChatNotRouted/);
  });

  it('and one that is missing are named in the reason', async () => {
    const platform = fakePlatform();
    await start(platform);
    expect((await becomes(await leave({ through: 'clerk/none' }), 'dead')).last_error).toMatch(
      /^AccountNotFound: .*"clerk".*"none"/,
    );
  });
});

it('a message of an Agent that was deleted and made again is never sent', async () => {
  const platform = fakePlatform();
  await start(platform, { agents: [agentEntry('clerk', { uid: 'another', accounts: [account('bot')] })] });
  expect((await becomes(await leave(), 'dead')).last_error).toMatch(/^agent_replaced/);
  expect(platform.seen).toEqual([]);
});
