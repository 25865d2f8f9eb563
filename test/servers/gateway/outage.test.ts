import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { ask, startTestGateway, type TestGateway, type TestGatewayOptions } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { startPostgres, type TestPostgres } from '../../harness/postgres.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';
import { describeOutage, runOutage } from './outage-load.ts';

let postgres: TestPostgres;
let state: TestState;
let mock: MockModel;
let folder: string;
const gateways: TestGateway[] = [];
beforeAll(async () => {
  [postgres, mock] = await Promise.all([startPostgres(), startMockModel()]);
});
afterAll(() => Promise.all([postgres.stop(), mock.stop()]));
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'talaria-outage-'));
  state = await createState(postgres.url);
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
  await state.drop();
  await rm(folder, { recursive: true, force: true });
});

const start = async (options: Partial<TestGatewayOptions> = {}) => {
  const gateway = await startTestGateway({ databaseUrl: state.url, serves: served(), ...options });
  gateways.push(gateway);
  return gateway;
};
const served = (): ConfigurationFields => ({
  agents: [
    { name: 'main', default: true },
    { name: 'remote', model: { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } },
  ],
  gatewayKeys: [{ name: 'all', key: 'k' }],
});
const stateless = (gateway: TestGateway) => ask(gateway.url, { key: 'k', model: 'any-model' });
const stored = (gateway: TestGateway, content = 'hello') =>
  ask(gateway.url, { key: 'k', content, headers: { 'x-talaria-session-id': 'mine' } });
const storesAgain = (gateway: TestGateway) =>
  waitFor('stored turns to be served again', async () => (await stored(gateway)).status === 200, { timeoutMs: 30_000 });

describe('PostgreSQL is stopped and comes back', () => {
  it('stateless turns go on, stored ones are refused so that a client may repeat them, and all recovers by itself', async () => {
    const gateway = await start();
    expect(await stored(gateway)).toMatchObject({ status: 200 });
    await postgres.kill();
    const refused = await stored(gateway);
    expect(refused).toMatchObject({ status: 503, code: 'state_unavailable' });
    expect(refused.headers.get('x-should-retry')).toBe('true');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await stateless(gateway)).toMatchObject({ status: 200, agent: 'main' });
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    await postgres.start();
    await storesAgain(gateway);
    expect(await stateless(gateway)).toMatchObject({ status: 200 });
  });

  it('a turn that ends during the outage is stored once the database is back', async () => {
    const gateway = await start();
    const down = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'paid for', after: down.promise });
    const turn = ask(gateway.url, { key: 'k', model: 'talaria/remote', headers: { 'x-talaria-session-id': 'mine' } });
    await waitFor('the model to be asked', () => mock.requests.length > 0);
    // A begin is committed asynchronously: a crash may lose the last moments of it, and with it the turn.
    await state.rows('checkpoint');
    await postgres.kill();
    down.resolve();
    await waitFor('the model to have answered', async () =>
      (await (await fetch(`${gateway.url}/metrics`)).text()).includes(
        'talaria_turns_total{agent="remote",outcome="completed"} 1',
      ),
    );
    await postgres.start();
    expect(await turn).toMatchObject({ status: 200, text: 'paid for' });
    const runs = await waitFor('the database to answer', () =>
      state.rows(`select status, output #>> '{0,content,0,text}' as said from runs`),
    );
    expect(runs).toEqual([{ status: 'completed', said: 'paid for' }]);
  });
});

describe('PostgreSQL is away for 5 s under load on two gateways', () => {
  it('stateless turns go on, stored ones and runs are refused by code, none is half-written, and all recovers by itself', async () => {
    mock.always({ kind: 'answer', text: 'an answer', delayMs: 20 });
    const [one, two] = [await start(), await start()];
    const report = await runOutage({
      urls: [one.url, two.url],
      stopDatabase: postgres.kill,
      startDatabase: postgres.start,
      seconds: 5,
      rows: state.rows,
    });
    process.stdout.write(`${describeOutage(report)}\n`);
    const { stateless, stored, runs } = report.answers;
    expect(Object.values(stateless).flatMap(Object.keys)).toEqual(['200', '200', '200']);
    expect(Object.keys(stored.during)).toContain('503 state_unavailable');
    expect(Object.keys(runs.during)).toContain('503 state_unavailable');
    const refusals = [stored, runs].flatMap(Object.values<Record<string, number>>).flatMap(Object.keys);
    expect(refusals.filter((outcome) => !/^(20[02]|503 state_unavailable|502 run_unknown)$/.test(outcome))).toEqual([]);
    expect(report.faults).toEqual([]);
  });
});

describe('a gateway that starts without PostgreSQL', () => {
  it('serves stateless turns of named agents, refuses stored ones, and connects when the database comes', async () => {
    await postgres.kill();
    const gateway = await start();
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
    expect(await ask(gateway.url, { key: 'k', model: 'talaria/main' })).toMatchObject({ status: 200, agent: 'main' });
    expect(await stored(gateway)).toMatchObject({ status: 503, code: 'state_unavailable' });
    await postgres.start();
    await storesAgain(gateway);
  });

  it('knows from its folder which names are no Agent’s, and which are a retired one’s', async () => {
    const first = await start({ stateDir: folder });
    await first.serve({ ...served(), agents: [...(served().agents ?? []), { name: 'retired' }] });
    await waitFor('the names to be stored', async () => (await state.rows('select 1 from agents')).length === 3);
    await first.serve(served());
    await waitFor(
      'the name to be retired',
      async () => (await state.rows('select 1 from agents where gone_at is not null')).length === 1,
    );
    await first.stop();
    await postgres.kill();
    const second = await start({ stateDir: folder });
    expect(await stateless(second)).toMatchObject({ status: 200, agent: 'main' });
    expect(await ask(second.url, { key: 'k', model: 'retired' })).toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    await postgres.start();
    await storesAgain(second);
  });

  it('knows from its folder a name that was applied and deleted while the database was away, and stores it', async () => {
    const first = await start({ stateDir: folder });
    await storesAgain(first);
    await postgres.kill();
    await first.serve({ ...served(), agents: [...(served().agents ?? []), { name: 'brief' }] });
    await first.serve(served());
    await first.stop();
    const second = await start({ stateDir: folder });
    expect(await stateless(second)).toMatchObject({ status: 200, agent: 'main' });
    expect(await ask(second.url, { key: 'k', model: 'brief' })).toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    await postgres.start();
    await waitFor(
      'the database to know the name as gone',
      async () =>
        (await state.rows(`select 1 from agents where name = 'brief' and gone_at is not null`).catch(() => []))
          .length === 1,
      { timeoutMs: 30_000 },
    );
  });
});
