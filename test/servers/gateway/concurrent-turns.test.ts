import { describe, expect, it } from 'vitest';
import type { TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { say, served, start } from './session-turns.ts';
import { mock, remote, seen, setUpStage, state } from './stage.ts';

setUpStage();

describe('two gateways on one database', () => {
  it('share a session, turn by turn', async () => {
    const [left, right] = [await start(served()), await start(served())];
    const first = await say(left, 'shared', 'one');
    const second = await say(right, 'shared', 'two');
    await say(left, 'shared', 'three');
    expect(second.headers.get('x-talaria-session-id')).toBe(first.headers.get('x-talaria-session-id'));
    expect(seen()).toEqual([
      'system: Be brief.',
      'user: one',
      'assistant: one',
      'user: two',
      'assistant: two',
      'user: three',
    ]);
  });

  it('make one session of a name, however many turns ask for it at once', async () => {
    const [left, right] = [await start(served()), await start(served())];
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, at) => say(at % 2 ? left : right, 'new', `turn ${at}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(new Set(answers.map(({ headers }) => headers.get('x-talaria-session-id'))).size).toBe(1);
    expect(await state.rows('select count(*)::int as sessions, max(last_seq)::int as items from sessions')).toEqual([
      { sessions: 1, items: 16 },
    ]);
  });
});

describe('a second turn while one is running', () => {
  it('waits for the first, sees its answer, and keeps the order', async () => {
    const [left, right] = [await start(served()), await start(served())];
    mock.next({ kind: 'answer', text: 'slow answer', delayMs: 500 });
    const first = say(left, 'mine', 'one');
    await waitFor('the first turn to run', () => mock.requests.length === 1);
    const second = say(right, 'mine', 'two');
    await waitFor(
      'the second to wait',
      async () => (await state.rows(`select 1 from runs where status = 'queued'`)).length === 1,
    );
    const third = say(left, 'mine', 'three');
    expect((await Promise.all([first, second, third])).map(({ text }) => text)).toEqual([
      'slow answer',
      'two',
      'three',
    ]);
    expect(seen()).toEqual([
      'system: Be brief.',
      'user: one',
      'assistant: slow answer',
      'user: two',
      'assistant: two',
      'user: three',
    ]);
  });

  it('is refused with session_busy where the agent says so', async () => {
    const agent = { name: 'main', default: true, model: remote(), sessions: { concurrency: 'Reject' } } as const;
    const gateway = await start(served({ agents: [agent] }));
    mock.next({ kind: 'answer', delayMs: 500 });
    const first = say(gateway, 'mine', 'one');
    await waitFor('the first turn to run', () => mock.requests.length === 1);
    const second = await say(gateway, 'mine', 'two');
    expect(second).toMatchObject({ status: 409, code: 'session_busy' });
    expect(second.headers.get('x-should-retry')).toBe('false');
    expect(await first).toMatchObject({ status: 200 });
  });

  it('whose client goes away while it waits is cancelled, and the next one is served', async () => {
    const gateway = await start(served());
    mock.next({ kind: 'answer', delayMs: 700 });
    const first = say(gateway, 'mine', 'one');
    await waitFor('the first turn to run', () => mock.requests.length === 1);
    const controller = new AbortController();
    const second = say(gateway, 'mine', 'two', { signal: controller.signal }).catch(() => 'left');
    await waitFor(
      'the second to wait',
      async () => (await state.rows(`select 1 from runs where status = 'queued'`)).length === 1,
    );
    controller.abort();
    expect(await second).toBe('left');
    await waitFor(
      'it to be cancelled',
      async () => (await state.rows(`select 1 from runs where status = 'cancelled'`)).length === 1,
    );
    expect(await say(gateway, 'mine', 'three')).toMatchObject({ status: 200 });
    await first;
    expect(seen()).toEqual(['system: Be brief.', 'user: one', 'assistant: one', 'user: three']);
  });

  it('the seventeenth that waits is refused, the others are all served', async () => {
    const gateway = await start(served());
    mock.next({ kind: 'answer', delayMs: 1_000 });
    const first = say(gateway, 'mine', 'first');
    await waitFor('the first turn to run', () => mock.requests.length === 1);
    const rest = await Promise.all(Array.from({ length: 20 }, (_, at) => say(gateway, 'mine', `turn ${at}`)));
    const codes = rest.map(({ status, code }) => code ?? status);
    expect(codes.filter((code) => code === 200)).toHaveLength(16);
    expect(codes.filter((code) => code === 'session_busy')).toHaveLength(4);
    expect(await first).toMatchObject({ status: 200 });
  });
});

describe('a client that goes away', () => {
  const leaveMidway = async (gateway: TestGateway) => {
    mock.next({ kind: 'answer', text: 'a b c d', pauseMs: 100 });
    const controller = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer ada', 'content-type': 'application/json', 'x-talaria-session-id': 'mine' },
      body: JSON.stringify({ stream: true, messages: [{ role: 'user', content: 'one' }] }),
      signal: controller.signal,
    });
    await response.body?.getReader().read();
    controller.abort();
  };

  it('does not end its turn by default: the answer is in the history', async () => {
    const gateway = await start(served());
    await leaveMidway(gateway);
    await waitFor(
      'the turn to be stored',
      async () => (await state.rows(`select 1 from runs where status = 'completed'`)).length === 1,
    );
    await say(gateway, 'mine', 'two');
    expect(seen()).toEqual(['system: Be brief.', 'user: one', 'assistant: a b c d', 'user: two']);
  });

  it('ends it where the agent says so: the model’s request is closed and the run cancelled', async () => {
    const agent = { name: 'main', default: true, model: remote(), sessions: { onDisconnect: 'Cancel' } } as const;
    const gateway = await start(served({ agents: [agent] }));
    await leaveMidway(gateway);
    await waitFor(
      'the run to be cancelled',
      async () => (await state.rows(`select 1 from runs where status = 'cancelled'`)).length === 1,
    );
    expect(mock.requests.at(-1)?.aborted()).toBe(true);
    await say(gateway, 'mine', 'two');
    expect(seen()).toEqual(['user: two']);
  });
});
