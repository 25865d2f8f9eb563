import { expect, it } from 'vitest';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { ask, type TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { mock, remote, setUpStage, startOnStage, state } from '../gateway/stage.ts';

setUpStage();

/** A gateway with the Agents and one without limits; noon of its clock, so that no window ends during the test. */
async function start(agents: ConfigurationFields['agents'] & object): Promise<TestGateway> {
  await state.rows(
    `update installation set clock_offset = date_trunc('day', now(), 'UTC') + interval '36 hours' - now()`,
  );
  const serves = { agents: [...agents, { name: 'free', default: true }], gatewayKeys: [{ name: 'all', key: 'k' }] };
  return await startOnStage({ serves });
}

it('what is over requestsPerMinute is 429 with the headers that the official SDKs wait by; others are served', async () => {
  const gateway = await start([{ name: 'main', limits: { requestsPerMinute: 2 } }]);
  const main = () => ask(gateway.url, { key: 'k', model: 'talaria/main' });
  const first = await main();
  expect(first).toMatchObject({ status: 200, agent: 'main' });
  expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2');
  expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
  await main();
  const refused = await main();
  expect(refused).toMatchObject({ status: 429, code: 'rate_limited', body: { error: { type: 'rate_limit_error' } } });
  expect(refused.headers.get('x-should-retry')).toBe('true');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(10);
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
  expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0');
  expect(refused.headers.get('x-ratelimit-reset-requests')).toMatch(/^(1m0s|\d+s)$/);
  expect(await ask(gateway.url, { key: 'k', model: 'talaria/free' })).toMatchObject({ status: 200, agent: 'free' });
});

it('tokens that a turn used count, of the Agent and of its key, and the SDKs are told not to repeat', async () => {
  const gateway = await start([
    { name: 'main', apiKeys: [{ key: 'app', limits: { tokensPerDay: 1 } }], model: remote(), limits: {} },
  ]);
  const first = await ask(gateway.url, { key: 'app' });
  expect(first).toMatchObject({ status: 200, agent: 'main' });
  expect(first.headers.get('x-ratelimit-limit-tokens')).toBe('1');
  const refused = await ask(gateway.url, { key: 'app' });
  expect(refused).toMatchObject({ status: 429, code: 'budget_exceeded' });
  expect(refused.headers.get('x-should-retry')).toBe('false');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_600);
  expect(await ask(gateway.url, { key: 'k', model: 'talaria/main' })).toMatchObject({ status: 200 });
});

it.each([
  ['a stateless one', {}],
  ['a stored one', { 'x-talaria-session-id': 'one' }],
])('a stream that its client leaves before its end counts against the budget: %s', async (_which, headers) => {
  const gateway = await start([
    { name: 'main', model: remote(), limits: { tokensPerDay: 1 }, sessions: { onDisconnect: 'Cancel' } },
  ]);
  mock.next({ kind: 'stall', text: 'the half of an answer' });
  const leaving = new AbortController();
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer k', 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'talaria/main', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
    signal: leaving.signal,
  });
  expect(response.status).toBe(200);
  leaving.abort();
  const metrics = async () => await (await fetch(`${gateway.url}/metrics`)).text();
  await waitFor('the turn to end', async () => /talaria_turns_total\{.*"aborted".*\} 1/.test(await metrics()));
  const refused = await ask(gateway.url, { key: 'k', model: 'talaria/main' });
  expect(refused).toMatchObject({ status: 429, code: 'budget_exceeded' });
  expect(mock.requests).toHaveLength(1);
});

it('a run holds its slot until its answer is out, stored or not, and a refused one leaves no trace', async () => {
  const gateway = await start([{ name: 'main', model: remote(), limits: { maxConcurrentRuns: 1 } }]);
  const done = Promise.withResolvers<void>();
  mock.next({ kind: 'answer', text: 'late', after: done.promise });
  const main = (headers = {}) => ask(gateway.url, { key: 'k', model: 'talaria/main', headers });
  const running = main({ 'x-talaria-session-id': 'one' });
  await waitFor('the run to be under way', () => mock.requests.length === 1);
  for (const headers of [{}, { 'x-talaria-session-id': 'two' }]) {
    const refused = await main(headers);
    expect(refused).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refused.headers.get('retry-after')).toBe('1');
  }
  done.resolve();
  expect(await running).toMatchObject({ status: 200, text: 'late' });
  expect(await main()).toMatchObject({ status: 200 });
  expect(await main({ 'x-talaria-session-id': 'two' })).toMatchObject({ status: 200 });
  expect(await state.rows(`select status from runs where agent = 'main'`)).toEqual([
    { status: 'completed' },
    { status: 'completed' },
  ]);
});

it('a turn that fails frees its slot', async () => {
  const gateway = await start([{ name: 'main', model: remote(), limits: { maxConcurrentRuns: 1 } }]);
  for (let turn = 0; turn < 3; turn += 1) {
    mock.next({ kind: 'fail', status: 400 });
    expect(await ask(gateway.url, { key: 'k', model: 'talaria/main' })).toMatchObject({ code: 'model_failed' });
  }
  expect(await ask(gateway.url, { key: 'k', model: 'talaria/main' })).toMatchObject({ status: 200 });
});
