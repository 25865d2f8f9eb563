import { describe, expect, it } from 'vitest';
import { ask } from '../../harness/gateway.ts';
import { type Call, chat, create, served, start } from './session-calls.ts';
import { mock, seen, setUpStage, state } from './stage.ts';

setUpStage();

describe('a chat on a session', () => {
  it('runs as the session’s own agent, whatever headers, model and Routes say', async () => {
    const gateway = await start();
    const id = await create(gateway, { model: 'talaria/main' });
    const hijacks: Call[] = [
      { headers: { 'x-talaria-chat-id': 'other' } },
      { headers: { 'x-hermes-chat-id': 'other', 'x-hermes-user-id': 'u' } },
      { body: { model: 'talaria/other' } },
      { body: { model: 'other' } },
      { body: { model: 'talaria/nobody' } },
    ];
    await gateway.serve(served({ routes: { all: [{ match: { platform: 'api' }, to: 'other' }] } }));
    for (const hijack of hijacks) {
      const answer = await chat(gateway, id, 'hello', hijack);
      expect([answer.status, answer.headers.get('x-talaria-agent')]).toEqual([200, 'main']);
      expect(answer.body.model).toBe('talaria/main');
      const { headers, body } = hijack;
      const completion = await ask(gateway.url, {
        key: 'ada',
        headers: { ...headers, 'x-talaria-session-id': id },
        ...(body ? { body } : {}),
      });
      expect(completion).toMatchObject({ status: 200, agent: 'main' });
    }
    expect(await state.rows('select distinct agent from runs union select distinct agent from items')).toEqual([
      { agent: 'main' },
    ]);
  });

  it('is refused when a header names another session', async () => {
    const gateway = await start();
    const [mine, second] = [await create(gateway), await create(gateway, { model: 'talaria/other' })];
    expect(await chat(gateway, mine, 'x', { headers: { 'x-talaria-session-id': second } })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_header' } },
    });
    expect(mock.requests).toHaveLength(0);
  });

  it('is refused when its agent is gone or suspended, and no other answers', async () => {
    const gateway = await start();
    const id = await create(gateway, { model: 'talaria/other' });
    const [main, other] = served().agents ?? [];
    if (!main || !other) throw new Error('two agents');
    for (const [agents, status, code] of [
      [[main], 404, 'model_not_found'],
      [[main, { ...other, refuse: 'agent_suspended' as const }], 403, 'agent_suspended'],
    ] as const) {
      await gateway.serve(served({ agents }));
      expect(await chat(gateway, id, 'x')).toMatchObject({ status, body: { error: { code } } });
    }
    expect(mock.requests).toHaveLength(0);
  });

  it('streams, and remembers', async () => {
    const gateway = await start();
    const id = await create(gateway);
    await chat(gateway, id, 'one');
    const streamed = await chat(gateway, id, 'two', { body: { stream: true } });
    expect(streamed.text).toContain('"content":"two"');
    expect(streamed.text).toContain('[DONE]');
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
  });

  it('with an Idempotency-Key runs once', async () => {
    const gateway = await start();
    const id = await create(gateway);
    const once = () => chat(gateway, id, 'one', { headers: { 'idempotency-key': 'k' } });
    const [first, second] = [await once(), await once()];
    expect(second.body).toEqual(first.body);
    expect(mock.requests).toHaveLength(1);
  });
});
