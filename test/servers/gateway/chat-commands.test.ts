import { describe, expect, it } from 'vitest';
import { toWire } from '../../../core/lib/id.ts';
import { history, say, served, sessions, start } from './chat-stage.ts';
import { asked, mock, queued, seen, setUpStage } from './stage.ts';

setUpStage();

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
