import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../core/lib/clock.ts';
import { createLogger } from '../../../core/lib/log.ts';
import { createHints, type Hints, type HintTopic } from '../../../gateway/db/hints.ts';
import { createDatabase, type Database } from '../../../gateway/db/pool.ts';
import { requestStop } from '../../../gateway/runs/request-stop.ts';
import { type Answered, ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let mock: MockModel;
let gateway: TestGateway;
let database: Database;
let sender: Hints;
let told: string[];
beforeEach(async () => {
  [state, mock] = await Promise.all([createState(), startMockModel()]);
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
  const serves = {
    agents: [{ name: 'main', default: true, model }],
    gatewayKeys: [{ name: 'ada', key: 'ada' }],
  };
  gateway = await startTestGateway({ databaseUrl: state.url, serves });
  database = createDatabase({ url: state.url, directUrl: state.url, log: createLogger('test', 'silent') });
  const registry = new Registry();
  sender = createHints({ database, directUrl: state.url, registry, log: createLogger('test', 'silent'), clock });
  told = [];
});
afterEach(async () => {
  await sender.stop();
  await database.stop();
  await gateway.stop();
  await mock.stop();
  await state.drop();
});

const ada = { id: 'gateway-key:ada', agents: '*' } as const;
const hints = {
  tell: (topic: HintTopic, id: string) => {
    told.push(`${topic} ${id}`);
    sender.tell(topic, id);
  },
};
const say = (content: string, headers = {}): Promise<Answered> =>
  ask(gateway.url, { key: 'ada', content, headers: { 'x-talaria-session-id': 'mine', ...headers } });
const runs = () => state.rows<{ id: string; status: string }>('select id, status from runs order by created_at');
const runningAndWaiting = async () => {
  mock.always({ kind: 'hang' });
  const first = say('one');
  await waitFor('the first to run', () => mock.requests.length === 1);
  const second = say('two', { 'idempotency-key': 'k' });
  await waitFor('the second to wait', async () => (await runs()).length === 2);
  return { first, second, ids: (await runs()).map(({ id }) => id) };
};

describe('a run that is asked to stop', () => {
  it('ends while it runs, and its client is told', async () => {
    mock.next({ kind: 'hang' });
    const answer = say('one');
    await waitFor('it to run', () => mock.requests.length === 1);
    const [{ id } = { id: '' }] = await runs();
    expect(await requestStop(database, hints, { run: id }, ada)).toEqual([{ id, status: 'stopping' }]);
    expect(told).toContain(`run ${id}`);
    expect(await answer).toMatchObject({ status: 409, code: 'run_interrupted' });
    expect(await runs()).toEqual([{ id, status: 'cancelled' }]);
    expect(await requestStop(database, hints, { run: id }, ada)).toEqual([]);
  });

  it('is cancelled at once while it waits, its key is free again, and the one before it goes on', async () => {
    const { first, second, ids } = await runningAndWaiting();
    expect(await requestStop(database, hints, { run: ids[1] ?? '' }, ada)).toEqual([
      { id: ids[1], status: 'cancelled' },
    ]);
    expect(await second).toMatchObject({ status: 409, code: 'run_interrupted' });
    expect(await state.rows('select 1 from idempotency_keys')).toEqual([]);
    expect((await runs()).map(({ status }) => status)).toEqual(['running', 'cancelled']);
    await requestStop(database, hints, { run: ids[0] ?? '' }, ada);
    await first;
  });

  it('is every one of a session where a session is named', async () => {
    const { first, second } = await runningAndWaiting();
    const [session] = await state.rows<{ id: string }>('select id from sessions');
    const stopped = await requestStop(database, hints, { session: session?.id ?? '' }, ada);
    expect(stopped.map(({ status }) => status).sort()).toEqual(['cancelled', 'stopping']);
    for (const answer of await Promise.all([first, second])) expect(answer.code).toBe('run_interrupted');
  });

  it('is not another principal’s, nor of an agent outside the set', async () => {
    mock.next({ kind: 'hang' });
    const answer = say('one');
    await waitFor('it to run', () => mock.requests.length === 1);
    const run = (await runs())[0]?.id ?? '';
    expect(await requestStop(database, hints, { run }, { id: 'gateway-key:bob', agents: '*' })).toEqual([]);
    expect(await requestStop(database, hints, { run }, { id: ada.id, agents: ['other'] })).toEqual([]);
    expect(told).toEqual([]);
    await requestStop(database, hints, { run }, ada);
    expect(await answer).toMatchObject({ code: 'run_interrupted' });
  });
});
