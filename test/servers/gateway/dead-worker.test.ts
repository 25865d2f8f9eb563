import { afterEach, beforeEach, expect, it } from 'vitest';
import { newId } from '../../../core/lib/id.ts';
import { ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState, type TestState } from '../schedule/state.ts';

let state: TestState;
let gateway: TestGateway;
beforeEach(async () => {
  state = await createState();
  const serves = { agents: [{ name: 'main', default: true }], gatewayKeys: [{ name: 'one', key: 'k' }] };
  gateway = await startTestGateway({ databaseUrl: state.url, serves });
});
afterEach(async () => {
  await gateway.stop();
  await state.drop();
});

/** A run that a worker held which is dead now. */
async function leave(run: {
  status: string;
  foreground: boolean;
  effects: boolean;
  started: boolean;
  session?: string;
}) {
  const id = newId();
  await state.rows(
    `insert into runs (id, agent, agent_uid, agent_generation, sequence, trigger, principal, status, foreground, input,
       attempt, effects_started, worker, started_at, session_id)
     values ($1, 'main', 'uid-main', 1, 0, 'api', 'gateway-key:one', $2, $3, $4, 1, $5, gen_random_uuid(),
       case when $6 then talaria_now() end, $7)`,
    [
      id,
      run.status,
      run.foreground,
      { items: hello, tools: [], parameters: {} },
      run.effects,
      run.started,
      run.session ?? null,
    ],
  );
  return id;
}

const hello = [
  { type: 'message', id: 'msg_1', status: 'completed', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
];

const settled = (id: string) =>
  waitFor('the run to be settled', async () => {
    const [row] = await state.rows<{ status: string; attempt: number; error_code: string }>(
      `select status, attempt, error_code from runs where id = $1 and finished_at is not null`,
      [id],
    );
    return row;
  });

it('a background run whose worker died before it called a model is run again, and once', async () => {
  const id = await leave({ status: 'running', foreground: false, effects: false, started: true });
  expect(await settled(id)).toMatchObject({ status: 'completed', attempt: 2 });
});

it('a background run whose worker died after it had called a model is unknown and never repeated', async () => {
  const id = await leave({ status: 'running', foreground: false, effects: true, started: true });
  expect(await settled(id)).toMatchObject({ status: 'unknown', attempt: 1, error_code: 'run_unknown' });
});

it('the run of a request never resumes: its session is free again, and what it began is unknown', async () => {
  const named = { key: 'k', headers: { 'x-talaria-session-id': 'mine' } };
  await ask(gateway.url, named);
  const [session] = await state.rows<{ id: string }>('select id from sessions');
  const id = await leave({
    status: 'running',
    foreground: true,
    effects: true,
    started: true,
    session: session?.id ?? '',
  });
  expect(await ask(gateway.url, named)).toMatchObject({ status: 200 });
  expect(await settled(id)).toMatchObject({ status: 'unknown' });
});

it('an answer is stored although a crash of the database lost that its waiting turn had started', async () => {
  const named = { key: 'k', headers: { 'x-talaria-session-id': 'mine' } };
  await ask(gateway.url, named);
  const [lease] = await state.rows<{ id: string }>('select id from workers');
  const [session] = await state.rows<{ id: string }>('select id from sessions');
  const id = await leave({
    status: 'queued',
    foreground: true,
    effects: true,
    started: false,
    session: session?.id ?? '',
  });
  await state.rows('update runs set worker = $2 where id = $1', [id, lease?.id]);
  const said = JSON.stringify([{ ...hello[0], role: 'assistant' }]);
  const [ended] = await state.rows<{ done: boolean }>(
    `select done from finish_turn($1, $2, 1, 'completed', $3, 'stop', null, 'm', null, null, null, null, null, null)`,
    [id, lease?.id, said],
  );
  expect(ended).toEqual({ done: true });
  expect(await ask(gateway.url, named)).toMatchObject({ status: 200 });
});

it('a result that comes after its run was given up is kept with the run, and is nobody’s answer', async () => {
  const worker = newId();
  const id = await leave({ status: 'unknown', foreground: false, effects: true, started: true });
  await state.rows('update runs set worker = $2 where id = $1', [id, worker]);
  const [ended] = await state.rows<{ done: boolean }>(
    `select done from finish_turn($1, $2, 1, 'completed', $3, 'stop', null, 'm', null, null, null, null, null, null)`,
    [id, worker, JSON.stringify(hello)],
  );
  expect(ended).toEqual({ done: false });
  expect(await state.rows('select status, output is not null as kept from runs where id = $1', [id])).toEqual([
    { status: 'unknown', kept: true },
  ]);
});

it('a request that never began is asked for again under its Idempotency-Key', async () => {
  const keyed = { key: 'k', headers: { 'idempotency-key': 'x' } };
  await ask(gateway.url, keyed);
  const id = await leave({ status: 'queued', foreground: true, effects: true, started: false });
  await state.rows('update idempotency_keys set run_id = $1', [id]);
  expect(await settled(id)).toMatchObject({ status: 'cancelled' });
  const again = await ask(gateway.url, keyed);
  expect(again).toMatchObject({ status: 200 });
  expect(again.headers.get('idempotency-replayed')).toBeNull();
});
