import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentEntry, RouteEntry } from '../../../core/snapshot/schema.ts';
import { buildTable, type Table } from '../../../gateway/config/table.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry } from '../schedule/entries.ts';
import { type Replica, startReplica } from '../schedule/replica.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { answers, type FakePlatform, fakePlatform, hangs, takes } from './fake-sender.ts';
import { storeDelivery } from './stored-deliveries.ts';

let state: TestState;
const replicas: Replica[] = [];

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await state.drop();
});

type Account = AgentEntry['accounts'][number];

const account = (name: string, change: Partial<Account> = {}): Account => ({
  name,
  platform: 'fake',
  shared: false,
  onAmbiguous: 'Park',
  credentials: { token: `${name}.v1` },
  settings: {},
  ...change,
});

const clerk = (...accounts: Account[]) => agentEntry('clerk', { accounts });

interface Parts {
  readonly sequence?: number;
  readonly agents?: readonly AgentEntry[];
  readonly routes?: readonly RouteEntry[];
  readonly credentials?: Readonly<Record<string, string>>;
}

const defaultCredentials = { 'bot.v1': 'token of bot', 'bot.v2': 'new token of bot', 'other.v1': 'token of other' };

async function tableOf({ sequence = 1, agents, routes = [], credentials = defaultCredentials }: Parts): Promise<Table> {
  const content = { agents: agents ?? [clerk(account('bot'))], routes, jobs: [], gatewayKeys: [], texts: {} };
  const snapshot = { revision: `r${sequence}`, sequence, content, routeParts: [routes] };
  return await buildTable({ snapshot, credentials: new Map(Object.entries(credentials)) });
}

async function start(platform: FakePlatform, parts: Parts = {}, name = 'a'): Promise<Replica> {
  const table = await tableOf(parts);
  const replica = startReplica({ url: state.url, name, table, platformSenders: { fake: platform.sender } });
  replicas.push(replica);
  return replica;
}

interface Message {
  readonly text?: string;
  readonly chat?: string;
  readonly thread?: string;
  readonly through?: string;
  readonly agent?: string;
  readonly sequence?: number;
  readonly expireAfterSeconds?: number;
}

/** Leaves a message in the outbox, as a run does when it ends. */
async function leave({ text = 'hello', chat = 'C1', thread = '', through = 'clerk/bot', ...rest }: Message = {}) {
  return await storeDelivery(state, {
    ...rest,
    text,
    target: 'deliver/chat',
    kind: 'account',
    line: `chat:${through}:${chat}`,
    destination: { account: through, platform: 'fake', chatId: chat, threadId: thread },
  });
}

interface Row {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly last_error: string;
  readonly message_id: string;
}

async function rowOf(id: string): Promise<Row> {
  const [row] = await state.rows<Row>(
    'select id, status, attempts, last_error, message_id from deliveries where id = $1',
    [id],
  );
  if (row === undefined) throw new Error(`no delivery ${id}`);
  return row;
}

async function becomes(id: string, status: string): Promise<Row> {
  return await waitFor(`the delivery to be ${status}`, async () => {
    const row = await rowOf(id);
    return row.status === status ? row : undefined;
  });
}

async function skipBackoff(): Promise<void> {
  await state.rows(`update deliveries set next_attempt_at = talaria_now() where status = 'pending'`);
}

const texts = (platform: FakePlatform) => platform.seen.map(({ text }) => text);
const broken = answers({ kind: 'not-sent', error: 'unauthorized', final: false, accountBroken: true });
const lost = answers({ kind: 'ambiguous', error: 'reset' });

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
      const rows = await state.rows(
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
    await state.moveClock(61);
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
      const rows = await state.rows(`select from deliveries where status <> 'sent'`);
      return rows.length === 0;
    });
    for (let chat = 0; chat < 7; chat += 1) {
      const inChat = platform.seen.filter(({ chatId }) => chatId === `C${chat}`).map(({ text }) => text);
      expect(inChat).toEqual(wanted.filter((_, at) => at % 7 === chat));
    }
    expect(await state.rows('select account from account_leases')).toEqual([{ account: 'clerk/bot' }]);
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
    await state.moveClock(601);
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
      const rows = await state.rows('select from account_leases where paused_until > talaria_now()');
      return rows.length === 1;
    });
    const second = await leave({ chat: 'C2' });
    await becomes(await leave({ through: 'clerk/other' }), 'sent');
    expect(platform.seen.filter(({ account: of }) => of === 'clerk/bot')).toHaveLength(1);
    platform.answer(takes);
    await state.moveClock(601);
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
      const rows = await state.rows<{ last_error: string }>(
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
    await state.moveClock(16);
    await becomes(id, 'sent');
    expect(await state.rows('select broken_since, last_error from account_leases')).toEqual([
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
    await state.moveClock(61);
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

describe('a message that may have arrived', () => {
  it('is parked where the platform would show it twice', async () => {
    const platform = fakePlatform();
    platform.answer(lost);
    await start(platform);
    const id = await leave();
    expect(await becomes(id, 'ambiguous')).toMatchObject({ attempts: 1, last_error: 'reset' });
  });

  it('is sent again where the account says so', async () => {
    const platform = fakePlatform();
    platform.answer((message, signal, count) => (count === 1 ? lost : takes)(message, signal, count));
    await start(platform, { agents: [clerk(account('bot', { onAmbiguous: 'Resend' }))] });
    const id = await leave();
    await waitFor('the first attempt', async () => (await rowOf(id)).last_error === 'reset');
    await skipBackoff();
    expect(await becomes(id, 'sent')).toMatchObject({ attempts: 2 });
  });

  it('is sent again under its id while the platform knows it by that', async () => {
    const platform = fakePlatform({ sameIdForMs: 300_000 });
    platform.answer((message, signal, count) => (count === 1 ? lost : takes)(message, signal, count));
    await start(platform);
    const id = await leave();
    await waitFor('the first attempt', async () => (await rowOf(id)).last_error === 'reset');
    await skipBackoff();
    await becomes(id, 'sent');
    expect(new Set(platform.seen.map((message) => message.id)).size).toBe(1);
  });

  it('is parked, not sent, when the platform has forgotten the id, or the token is another', async () => {
    const platform = fakePlatform({ sameIdForMs: 300_000 });
    platform.answer(lost);
    const replica = await start(platform);
    const late = await leave();
    await waitFor('the first attempt', async () => (await rowOf(late)).last_error === 'reset');
    await state.moveClock(301);
    await skipBackoff();
    await becomes(late, 'ambiguous');
    const rotated = await leave();
    await waitFor('the second attempt', async () => (await rowOf(rotated)).last_error === 'reset');
    replica.swap(await tableOf({ sequence: 2, agents: [clerk(account('bot', { credentials: { token: 'bot.v2' } }))] }));
    await skipBackoff();
    await becomes(rotated, 'ambiguous');
    expect(new Set(platform.seen.map(({ token }) => token))).toEqual(new Set(['token of bot']));
  });
});

describe('a sender that dies', () => {
  const dies = async (id: string, change = '') => {
    const dead = '0192f0c1-a2b3-7c4d-8e9f-0a1b2c3d4e5f';
    await state.rows(
      `update deliveries set status = 'sending', head = true, attempts = 1, first_attempt_at = talaria_now(), worker = $2 ${change}
       where id = $1`,
      [id, dead],
    );
  };

  it('leaves what it sent to be judged: parked, since it may have arrived', async () => {
    const platform = fakePlatform();
    const id = await leave();
    const next = await leave({ text: 'next' });
    await dies(id);
    await start(platform);
    expect(await becomes(id, 'ambiguous')).toMatchObject({ last_error: 'its sender died while it sent' });
    await becomes(next, 'sent');
    expect(texts(platform)).toEqual(['next']);
  });

  it('or sent again, where the platform knows the id', async () => {
    const platform = fakePlatform({ sameIdForMs: 300_000 });
    const id = await leave();
    await dies(id, `, key_scope = 'bot.v1'`);
    await start(platform);
    await waitFor('it to be judged', async () => (await rowOf(id)).last_error !== '');
    await skipBackoff();
    expect(await becomes(id, 'sent')).toMatchObject({ attempts: 2 });
  });

  it('frees its accounts for others', async () => {
    const platform = fakePlatform();
    const first = await start(platform, {}, 'a');
    await becomes(await leave(), 'sent');
    await first.stop();
    replicas.splice(0);
    await start(platform, {}, 'b');
    await becomes(await leave(), 'sent');
    const held =
      'select l.account, w.replica from account_leases l join workers w on w.id = l.worker where w.lease_until > talaria_now()';
    expect(await state.rows(held)).toEqual([{ account: 'clerk/bot', replica: 'b' }]);
  });

  it('cannot record what another has judged', async () => {
    const platform = fakePlatform();
    const answer = Promise.withResolvers<void>();
    platform.answer(async (message, signal, count) => {
      await answer.promise;
      return await takes(message, signal, count);
    });
    await start(platform);
    const id = await leave();
    await waitFor('the attempt', () => platform.seen.length === 1);
    await state.rows(`update deliveries set status = 'ambiguous', head = false where id = $1`, [id]);
    answer.resolve();
    await becomes(await leave({ chat: 'C2' }), 'sent');
    expect(await rowOf(id)).toMatchObject({ status: 'ambiguous', message_id: '' });
    expect(await state.rows('select from items')).toHaveLength(1);
  });
});

describe('a message whose account was not known when its run ended', () => {
  const late = async () => {
    const id = await storeDelivery(state, {
      text: 'one\n---\ntwo\n---\nthree',
      status: 'dead',
      target: 'deliver/chat',
      kind: 'account',
      line: 'chat:clerk/bot:C1',
      destination: { account: 'clerk/bot', platform: '', chatId: 'C1', threadId: '' },
    });
    await state.rows(`select retry_delivery($1, 'clerk', array['dead'])`, [id]);
    return id;
  };

  it('is sent by hand once the account is there: all its parts in order, and the chat knows them', async () => {
    const platform = fakePlatform({ sameIdForMs: 60_000 });
    await start(platform);
    const id = await late();
    const rows = await waitFor('all parts to be sent', async () => {
      const found = await state.rows<{ status: string }>(
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
    expect(await state.rows(said)).toEqual(['one', 'two', 'three'].map((text) => ({ platform: 'fake', text })));
  });

  it('is refused as before while the account is still missing', async () => {
    const platform = fakePlatform();
    await start(platform, { agents: [clerk()] });
    expect((await becomes(await late(), 'dead')).last_error).toMatch(/^AccountNotFound/);
    expect(await state.rows('select parts from deliveries')).toEqual([{ parts: 1 }]);
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
    const line = await storeDelivery(state, { sequence: 2 });
    const id = await leave({ sequence: 2 });
    await waitFor(
      'it to be in its line',
      async () => (await state.rows('select from deliveries where head')).length === 2,
    );
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
    await waitFor(
      'it to be in its line',
      async () => (await state.rows('select from deliveries where head')).length === 1,
    );
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

describe('what was sent and cannot be recorded for good', () => {
  /** Refuses such writes, and counts them: `tries` is not rolled back with them. */
  const refuse = async (table: string, when: string) => {
    await state.rows('create sequence tries');
    await state.rows(`create function refuse() returns trigger language plpgsql as $$
      begin
        if ${when} then
          perform nextval('tries');
          raise exception 'refused by the test';
        end if;
        return new;
      end $$`);
    await state.rows(
      `create trigger refuse before insert or update on ${table} for each row execute function refuse()`,
    );
  };
  const tries = async () => {
    const [row] = await state.rows<{ tries: number }>('select (last_value * is_called::int)::int as tries from tries');
    return row?.tries;
  };

  it('is sent once and known as sent, without its place in the session that cannot take it', async () => {
    const platform = fakePlatform();
    await refuse('items', 'true');
    await start(platform);
    expect(await becomes(await leave(), 'sent')).toMatchObject({ message_id: 'm1', attempts: 1 });
    expect(await tries()).toBe(1);
    expect(texts(platform)).toHaveLength(1);
    expect(await state.rows('select from items')).toEqual([]);
  });

  it('is judged as what a dead sender left, and what is behind it goes on', async () => {
    const platform = fakePlatform();
    await refuse('deliveries', `new.status = 'sent' and new.data #>> '{data,text}' = 'cursed'`);
    await start(platform);
    const cursed = await leave({ text: 'cursed' });
    const next = await leave({ text: 'next' });
    expect(await becomes(cursed, 'ambiguous')).toMatchObject({ last_error: 'its sender died while it sent' });
    await becomes(next, 'sent');
    expect(await tries()).toBe(2);
    expect(texts(platform)).toEqual(['cursed', 'next']);
  });

  it('is not recorded again and again by the same process where its judgement cannot be recorded either', async () => {
    const platform = fakePlatform();
    await refuse('deliveries', `new.status not in ('pending', 'sending') and new.data #>> '{data,text}' = 'cursed'`);
    await start(platform);
    const cursed = await leave({ text: 'cursed' });
    await waitFor('every way to be tried', async () => (await tries()) === 3);
    for (let number = 0; number < 5; number += 1) await becomes(await leave({ chat: `other ${number}` }), 'sent');
    expect(await tries()).toBe(3);
    expect(await rowOf(cursed)).toMatchObject({ status: 'sending' });
    expect(texts(platform).filter((text) => text === 'cursed')).toHaveLength(1);
  });
});
