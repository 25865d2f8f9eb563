import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toWire } from '../../../core/lib/id.ts';
import type { Envelope } from '../../../core/route/envelope.ts';
import type { AgentFields, ConfigurationFields } from '../../harness/entries.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { type ChatReplica, startChatReplica } from './chat-replica.ts';

let state: TestState;
let mock: MockModel;
const replicas: ChatReplica[] = [];
beforeEach(async () => {
  [state, mock] = await Promise.all([createState(), startMockModel()]);
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await mock.stop();
  await state.drop();
});

const served = (
  sessions: AgentFields['sessions'] = {},
  rest: Partial<ConfigurationFields> = {},
): ConfigurationFields => ({
  agents: ['main', 'other'].map((name) => ({
    name,
    default: name === 'other',
    model: { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const,
    sessions,
  })),
  ...rest,
});

async function start(fields: ConfigurationFields = served()): Promise<ChatReplica> {
  const replica = await startChatReplica(state.url, fields);
  replicas.push(replica);
  return replica;
}

const inChat: Partial<Envelope> = {
  platform: 'telegram',
  account: 'main/bot',
  chatType: 'direct',
  chatId: '7',
  userId: '7',
};
const say = (replica: ChatReplica, text: string, more: Partial<Envelope> = {}) =>
  replica.receive({ ...inChat, ...more, text });
const seen = () => mock.requests.at(-1)?.body.messages.map(({ role, content }) => `${role}: ${content}`);
const asked = (count: number) => waitFor(`${count} calls of the model`, () => mock.requests.length === count);
const queued = (count: number) =>
  waitFor(
    `${count} runs that wait`,
    async () => (await state.rows(`select 1 from runs where status = 'queued'`)).length === count,
  );
const sessions = () =>
  state.rows<{ agent: string; user_id: string; live: boolean }>(
    'select agent, user_id, ended_at is null as live from sessions order by created_at',
  );
const history = async () =>
  (
    await state.rows<{ said: string }>(
      `select data ->> 'role' || ': ' || (data #>> '{content,0,text}') as said from items order by seq`,
    )
  ).map(({ said }) => said);

describe('a message of a chat', () => {
  it('is answered by the Agent whose account it came to, and remembered in a session of that chat', async () => {
    const [left, right] = [await start(), await start()];
    expect(await say(left, 'one')).toMatchObject({ kind: 'answer', text: 'one', agent: 'main' });
    expect(await say(right, 'two')).toMatchObject({ kind: 'answer', text: 'two', agent: 'main' });
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
    expect(await state.rows('select agent, trigger, status, principal from runs')).toEqual(
      Array(2).fill({ agent: 'main', trigger: 'chat', status: 'completed', principal: '' }),
    );
    expect(await state.rows('select platform, account, chat_type, chat_id, user_id, principal from sessions')).toEqual([
      { platform: 'telegram', account: 'main/bot', chat_type: 'direct', chat_id: '7', user_id: '7', principal: '' },
    ]);
  });

  it('goes where a rule sends it, if the account is shared', async () => {
    const routes = { r: [{ match: { platform: 'telegram', chatId: '7' }, to: 'other' }] };
    const replica = await start(served({}, { routes }));
    await expect(say(replica, 'one')).rejects.toMatchObject({ code: 'account_not_shared' });
    const account = {
      name: 'bot',
      platform: 'telegram',
      shared: true,
      onAmbiguous: 'Park',
      settings: {},
      credentials: {},
    };
    const [main, other] = served().agents ?? [];
    if (!main || !other) throw new Error('two agents');
    await replica.serve({ agents: [{ ...main, accounts: [account as never] }, other], routes });
    expect(await say(replica, 'one')).toMatchObject({ agent: 'other' });
  });

  it('with an image shows it to the model', async () => {
    const replica = await start();
    await say(replica, 'look', { parts: [{ type: 'input_image', imageUrl: 'https://images.example/cat.png' }] });
    expect(mock.requests[0]?.body.messages[0]?.content).toEqual([
      { type: 'text', text: 'look' },
      { type: 'image_url', image_url: { url: 'https://images.example/cat.png' } },
    ]);
  });

  it('begins a new session after the chat was quiet for as long as the Agent says', async () => {
    const replica = await start(served({ idleResetSeconds: 3_600 }));
    await say(replica, 'one');
    // A worker loses its lease when the clock jumps, so it is the session that is made older.
    await state.rows(`update sessions set last_active_at = last_active_at - interval '59 minutes'`);
    await say(replica, 'two');
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
    await state.rows(`update sessions set last_active_at = last_active_at - interval '61 minutes'`);
    await say(replica, 'three');
    expect(seen()).toEqual(['user: three']);
    expect((await sessions()).map(({ live }) => live)).toEqual([false, true]);
  });
});

describe('who shares a session', () => {
  const group = { chatType: 'group', chatId: 'g' } as const;
  const thread = { ...group, threadId: 't' };
  const users = async (replica: ChatReplica, where: Partial<Envelope>) => {
    for (const userId of ['ann', 'bob']) await say(replica, userId, { ...where, userId });
    return (await sessions()).map(({ user_id }) => user_id);
  };

  it('in a group: each user has one of their own by default', async () => {
    expect(await users(await start(), group)).toEqual(['ann', 'bob']);
    expect(seen()).toEqual(['user: bob']);
  });

  it('in a group with groupScope Chat: everybody', async () => {
    expect(await users(await start(served({ groupScope: 'Chat' })), group)).toEqual(['']);
    expect(seen()).toEqual(['user: ann', 'assistant: ann', 'user: bob']);
  });

  it('in a thread: everybody by default, apart from the chat around it', async () => {
    const replica = await start(served({ groupScope: 'Chat' }));
    expect(await users(replica, thread)).toEqual(['']);
    await say(replica, 'outside', group);
    expect(seen()).toEqual(['user: outside']);
  });

  it('in a thread with threadScope User: each user has one of their own', async () => {
    expect(await users(await start(served({ threadScope: 'User' })), thread)).toEqual(['ann', 'bob']);
  });

  it.each([
    ['Chat', group, ['']],
    ['User', thread, ['ann', 'bob']],
  ] as const)('a rule’s scope %s comes before the Agent’s', async (sessionScope, where, expected) => {
    const routes = { r: [{ match: { platform: 'telegram' }, to: 'main', sessionScope }] };
    expect(await users(await start(served({}, { routes })), where)).toEqual(expected);
  });

  it('never two chats whose ids look alike', async () => {
    const replica = await start();
    const alike: Partial<Envelope>[] = [
      { chatId: 'a:b', threadId: '' },
      { chatId: 'a', threadId: 'b' },
      { chatId: 'a', userId: 'b' },
      { chatId: 'a', userId: 'b', chatType: 'channel' },
      { chatId: 'a', userId: 'b', platform: 'slack' },
      { chatId: 'a', userId: 'b', account: 'main/second' },
    ];
    for (const each of alike) {
      await say(replica, 'x', each);
      expect(seen()).toEqual(['user: x']);
    }
    expect(await sessions()).toHaveLength(alike.length);
  });
});

describe('commands', () => {
  it.each(['/new', '/reset', '/NEW please', '/new@the_bot'])(
    '%s begins a new session with the next message',
    async (text) => {
      const replica = await start();
      await say(replica, 'one');
      expect(await say(replica, text)).toMatchObject({ kind: 'command' });
      await say(replica, 'two');
      expect(seen()).toEqual(['user: two']);
      expect(mock.requests).toHaveLength(2);
    },
  );

  it('/new leaves the sessions of other chats and other agents alone', async () => {
    const replica = await start();
    await say(replica, 'other chat', { chatId: '8' });
    await say(replica, 'other agent', { account: 'other/bot' });
    await say(replica, 'mine');
    await say(replica, '/new');
    expect((await sessions()).map(({ live }) => live)).toEqual([true, true, false]);
  });

  it('/help lists them all, and a word that is nearly a command is asked about', async () => {
    const replica = await start();
    const { text } = await say(replica, '/help');
    for (const command of ['/new', '/reset', '/stop', '/status', '/retry', '/help']) expect(text).toContain(command);
    expect((await say(replica, '/halp')).text).toContain('Did you mean /help?');
    expect((await say(replica, '/Statu')).text).toContain('Did you mean /status?');
    expect(mock.requests).toHaveLength(0);
  });

  it.each(['/etc/passwd is a file', '/ stop', '/weather Berlin', 'please /stop', '/42'])(
    '%j is a message to the agent',
    async (text) => {
      const replica = await start();
      expect(await say(replica, text)).toMatchObject({ kind: 'answer', text });
    },
  );

  it('/status tells agent, session, what it does and how much was said', async () => {
    const [left, right] = [await start(), await start()];
    expect((await say(left, '/status')).text).toBe('Agent: main\nSession: none yet\nRun: idle\nMessages: 0');
    const answer = await say(left, 'one');
    const session = answer.kind === 'answer' ? toWire('ses', answer.session) : '';
    expect((await say(right, '/status')).text).toBe(`Agent: main\nSession: ${session}\nRun: idle\nMessages: 2`);
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'late', after: gate.promise });
    const turns = [say(left, 'two')];
    await asked(2);
    turns.push(say(left, 'three'));
    await queued(1);
    expect((await say(right, '/status')).text).toContain('Run: running, 1 waiting\nMessages: 2');
    gate.resolve();
    await Promise.all(turns);
  });

  it('/stop stops what runs on any replica, keeps what was said, and what waited does not run', async () => {
    const [left, right] = [await start(), await start()];
    mock.next({ kind: 'stall', text: 'half' });
    const first = say(left, 'one').catch((error: unknown) => error);
    await asked(1);
    const second = say(left, 'two').catch((error: unknown) => error);
    await queued(1);
    expect((await say(right, '/stop')).text).toBe('Stopped.');
    for (const ended of await Promise.all([first, second])) expect(ended).toMatchObject({ code: 'run_interrupted' });
    expect((await say(right, '/stop')).text).toBe('Nothing is running.');
    await say(left, 'three');
    expect(seen()).toEqual(['user: one', 'assistant: half', 'user: three']);
    expect(mock.requests).toHaveLength(2);
  });

  it('/retry answers the last message again, in the place of the last answer', async () => {
    const replica = await start();
    await say(replica, 'one');
    mock.next({ kind: 'answer', text: 'bad' }, { kind: 'answer', text: 'better' });
    await say(replica, 'two');
    expect(await say(replica, '/retry')).toMatchObject({ kind: 'answer', text: 'better' });
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
    await say(replica, 'three');
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two', 'assistant: better', 'user: three']);
    expect(await history()).not.toContain('assistant: bad');
  });

  it('/retry that fails leaves the last answer in its place', async () => {
    const replica = await start();
    await say(replica, 'one');
    mock.next({ kind: 'fail', status: 400 });
    await expect(say(replica, '/retry')).rejects.toMatchObject({ code: 'model_failed' });
    expect(await history()).toEqual(['user: one', 'assistant: one']);
    expect(await say(replica, '/retry')).toMatchObject({ text: 'one' });
    expect(await history()).toEqual(['user: one', 'assistant: one']);
  });

  it('/retry sends a message again whose turn failed', async () => {
    const replica = await start();
    await say(replica, 'one');
    mock.next({ kind: 'fail', status: 400 });
    await expect(say(replica, 'two')).rejects.toMatchObject({ code: 'model_failed' });
    expect(await say(replica, '/retry')).toMatchObject({ text: 'two' });
    expect(await history()).toEqual(['user: one', 'assistant: one', 'user: two', 'assistant: two']);
  });

  it('/retry has nothing to answer in a new chat, nor after /new', async () => {
    const replica = await start();
    expect(await say(replica, '/retry')).toMatchObject({ kind: 'command' });
    await say(replica, 'one');
    await say(replica, '/new');
    expect(await say(replica, '/retry')).toMatchObject({ kind: 'command' });
    expect(mock.requests).toHaveLength(1);
  });

  it('to an agent that is suspended are refused as a message is', async () => {
    const [main] = served().agents ?? [];
    if (!main) throw new Error('an agent');
    const replica = await start({ agents: [{ ...main, refuse: 'agent_suspended' }] });
    for (const text of ['/new', '/status', '/stop', '/retry', 'hello'])
      await expect(say(replica, text)).rejects.toMatchObject({ code: 'agent_suspended' });
  });
});

describe('a command while a turn runs', () => {
  const running = async (concurrency: 'Queue' | 'Reject' | 'Interrupt') => {
    const [left, right] = [await start(served({ concurrency })), await start(served({ concurrency }))];
    await say(left, 'zero');
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'late', after: gate.promise });
    const turn = say(left, 'one').catch((error: unknown) => error);
    await asked(2);
    return { right, turn, release: gate.resolve };
  };

  it('/new lets it end in the old session under Queue', async () => {
    const { right, turn, release } = await running('Queue');
    await say(right, '/new');
    expect(await say(right, 'fresh')).toMatchObject({ text: 'fresh' });
    expect(seen()).toEqual(['user: fresh']);
    release();
    expect(await turn).toMatchObject({ text: 'late' });
  });

  it('/new stops it under Interrupt', async () => {
    const { right, turn, release } = await running('Interrupt');
    await say(right, '/new');
    expect(await turn).toMatchObject({ code: 'run_interrupted' });
    release();
  });

  it('/new and /retry are refused with session_busy under Reject', async () => {
    const { right, turn, release } = await running('Reject');
    for (const command of ['/new', '/retry'])
      await expect(say(right, command)).rejects.toMatchObject({ code: 'session_busy' });
    release();
    expect(await turn).toMatchObject({ text: 'late' });
    expect((await sessions()).map(({ live }) => live)).toEqual([true]);
  });

  it('/retry waits for it under Queue, and answers its message again', async () => {
    const { right, turn, release } = await running('Queue');
    const again = say(right, '/retry');
    await queued(1);
    release();
    expect(await turn).toMatchObject({ text: 'late' });
    expect(await again).toMatchObject({ text: 'one' });
    expect(await history()).toEqual(['user: zero', 'assistant: zero', 'user: one', 'assistant: one']);
  });

  it('/retry interrupts it under Interrupt, and answers its message', async () => {
    const { right, turn, release } = await running('Interrupt');
    expect(await say(right, '/retry')).toMatchObject({ text: 'one' });
    expect(await turn).toMatchObject({ code: 'run_interrupted' });
    release();
    expect(await history()).toEqual(['user: zero', 'assistant: zero', 'user: one', 'assistant: one']);
  });
});
