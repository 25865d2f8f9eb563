import { describe, expect, it } from 'vitest';
import { fromWire, madeAt } from '../../../core/lib/id.ts';
import { type Ask, ask, type TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { mock, remote, setUpStage, startOnStage, state } from './stage.ts';

setUpStage();

const served = (agents: readonly string[] = ['main', 'other']) => ({
  agents: ['main', 'other'].map((name) => ({
    name,
    default: name === 'main',
    model: remote(),
  })),
  routes: { chats: [{ match: { chatId: 'other' }, to: 'other' }] },
  gatewayKeys: [
    { name: 'one', key: 'one', agents },
    { name: 'two', key: 'two' },
  ],
});

async function start(): Promise<TestGateway> {
  return await startOnStage({ serves: served() });
}

const keyed = (key: string, more: Ask = {}): Ask => ({
  key: 'one',
  content: 'pay once',
  ...more,
  headers: { 'idempotency-key': key, ...more.headers },
});

describe('a request with an Idempotency-Key', () => {
  it('gets the answer of the first one, with its ids, from any replica', async () => {
    const [a, b] = [await start(), await start()];
    const first = await ask(a.url, keyed('k1'));
    const second = await ask(b.url, keyed('k1'));
    expect(first).toMatchObject({ status: 200, text: 'pay once', agent: 'main' });
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.headers.get('x-talaria-run-id')).toBe(first.headers.get('x-talaria-run-id'));
    const run = fromWire('run', first.headers.get('x-talaria-run-id') ?? '') ?? '';
    expect(first.body).toMatchObject({ created: Math.floor(madeAt(run) / 1_000) });
    expect(mock.requests).toHaveLength(1);
  });

  it('gets the stored answer as a stream too', async () => {
    const gateway = await start();
    mock.next({ kind: 'answer', text: 'one two three' });
    const stream = async () => {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer one', 'content-type': 'application/json', 'idempotency-key': 'k' },
        body: JSON.stringify({
          messages: [{ role: 'user', content: 'x' }],
          stream: true,
          stream_options: { include_usage: true },
        }),
      });
      const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: {'));
      return events.map((event) => JSON.parse(event.slice(6)));
    };
    const textOf = (chunks: Awaited<ReturnType<typeof stream>>) =>
      chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join('');
    const [first, second] = [await stream(), await stream()];
    expect(textOf(second)).toBe('one two three');
    expect(textOf(first)).toBe(textOf(second));
    expect(second.at(-1)).toEqual(first.at(-1));
    expect(mock.requests).toHaveLength(1);
  });

  it('is another request under another principal', async () => {
    const gateway = await start();
    await ask(gateway.url, keyed('k'));
    expect((await ask(gateway.url, { ...keyed('k'), key: 'two' })).headers.get('idempotency-replayed')).toBeNull();
    expect(mock.requests).toHaveLength(2);
  });

  it.each<[string, Ask]>([
    ['body', { content: 'something else' }],
    ['routing header', { headers: { 'x-talaria-chat-id': 'other' } }],
  ])('is refused with idempotency_conflict when the %s differs, and nothing runs', async (_what, more) => {
    const gateway = await start();
    await ask(gateway.url, keyed('k'));
    const answer = await ask(gateway.url, keyed('k', more));
    expect(answer).toMatchObject({ status: 409, code: 'idempotency_conflict' });
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect(mock.requests).toHaveLength(1);
  });

  it('is answered by the first agent although routing has changed, which runs nothing', async () => {
    const gateway = await start();
    const chat = { headers: { 'x-talaria-chat-id': 'other' } };
    expect(await ask(gateway.url, keyed('k', chat))).toMatchObject({ agent: 'other' });
    await gateway.serve({ ...served(), routes: { chats: [{ match: { chatId: 'other' }, to: 'main' }] } });
    expect(await ask(gateway.url, keyed('k', chat))).toMatchObject({ status: 200, agent: 'other' });
    expect(mock.requests).toHaveLength(1);
  });

  it('is refused when its first agent has left the set of the key', async () => {
    const gateway = await start();
    const chat = { headers: { 'x-talaria-chat-id': 'other' } };
    await ask(gateway.url, keyed('k', chat));
    await gateway.serve(served(['main']));
    expect(await ask(gateway.url, keyed('k', chat))).toMatchObject({ status: 403, code: 'agent_forbidden' });
  });

  it('waits for its twin that is still at work, on another replica too, and runs once', async () => {
    const [a, b] = [await start(), await start()];
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'late', after: gate.promise });
    const first = ask(a.url, keyed('k'));
    await waitFor('the model to be asked', () => mock.requests.length === 1);
    const twins = [ask(a.url, keyed('k')), ask(b.url, keyed('k')), ask(b.url, keyed('k'))];
    gate.resolve();
    for (const answer of await Promise.all([first, ...twins]))
      expect(answer).toMatchObject({ status: 200, text: 'late' });
    expect(mock.requests).toHaveLength(1);
  });

  it('that are sent at once run once', async () => {
    const [a, b] = [await start(), await start()];
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => ask(at % 2 ? a.url : b.url, keyed('k'))));
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, text: 'pay once' });
    expect(mock.requests).toHaveLength(1);
    expect(await state.rows('select count(*)::int as runs from runs')).toEqual([{ runs: 1 }]);
  });

  it('gets the failure of a run that began, and is not paid again', async () => {
    const gateway = await start();
    mock.next({ kind: 'fail', status: 400, message: 'no such model' });
    const first = await ask(gateway.url, keyed('k'));
    const second = await ask(gateway.url, keyed('k'));
    expect(first).toMatchObject({ status: 502, code: 'model_failed' });
    expect(second).toMatchObject({ status: 502, code: 'model_failed' });
    expect(second.body.error?.message).toBe(first.body.error?.message);
    expect(second.headers.get('x-should-retry')).toBe('false');
    expect(mock.requests).toHaveLength(1);
  });

  it('is not remembered when it was refused before a run', async () => {
    const gateway = await start();
    const chat = { key: 'two', headers: { 'x-talaria-chat-id': 'gone' } };
    await gateway.serve({ ...served(), routes: { chats: [{ match: { chatId: 'gone' }, to: 'nobody' }] } });
    expect(await ask(gateway.url, keyed('k', chat))).toMatchObject({ code: 'agent_not_found' });
    await gateway.serve(served());
    expect(await ask(gateway.url, keyed('k', chat))).toMatchObject({ status: 200 });
  });

  it('runs again after a day', async () => {
    const gateway = await start();
    await ask(gateway.url, keyed('k'));
    await state.moveClock(24 * 3_600 + 1);
    // The lease of the worker ended with the jump of the clock. What begins before it takes another one is lost with its key.
    await waitFor('the gateway to take another lease', async () => {
      const rows = await state.rows('select from workers where lease_until > talaria_now()');
      return rows.length > 0;
    });
    await waitFor('an answer', async () => (await ask(gateway.url, keyed('k', { content: 'again' }))).status === 200);
    expect(mock.requests).toHaveLength(2);
  });

  it.each(['', 'a b', 'x'.repeat(256), 'ü'])('%j is no key', async (key) => {
    const gateway = await start();
    const answer = await ask(gateway.url, keyed(encodeURI(key) === key ? key : 'a b'));
    expect(answer).toMatchObject({ status: 400, code: 'invalid_header' });
  });
});
