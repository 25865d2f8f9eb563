import { describe, expect, it } from 'vitest';
import { newId } from '../../../core/lib/id.ts';
import { type Answered, ask, type TestGateway } from '../../harness/gateway.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { asked, mock, queued, remote, seen, setUpStage, startOnStage, state } from './stage.ts';

setUpStage();
let left: TestGateway;
let right: TestGateway;

/** Two gateways of an agent with this policy. */
async function start(concurrency: 'Queue' | 'Reject' | 'Interrupt'): Promise<void> {
  const serves = {
    agents: [{ name: 'main', default: true, model: remote(), sessions: { concurrency } }],
    gatewayKeys: [{ name: 'ada', key: 'ada' }],
  };
  left = await startOnStage({ serves });
  right = await startOnStage({ serves });
}

const say = ({ url }: TestGateway, content: string): Promise<Answered> =>
  ask(url, { key: 'ada', content, headers: { 'x-talaria-session-id': 'mine' } });
const stream = ({ url }: TestGateway, content: string) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer ada', 'content-type': 'application/json', 'x-talaria-session-id': 'mine' },
    body: JSON.stringify({ stream: true, messages: [{ role: 'user', content }] }),
  });
const history = () =>
  state.rows(
    `select data ->> 'role' as role, data #>> '{content,0,text}' as text, data ->> 'status' as status from items order by seq`,
  );

describe('Queue', () => {
  it('answers turns in the order they came, whichever replica they came to', async () => {
    await start('Queue');
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'zero', after: gate.promise });
    const answers = [say(left, '0')];
    await asked(1);
    for (let turn = 1; turn <= 5; turn += 1) {
      answers.push(say(turn % 2 ? right : left, String(turn)));
      await queued(turn);
    }
    gate.resolve();
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(['zero', '1', '2', '3', '4', '5']);
    expect((await history()).filter(({ role }) => role === 'user').map(({ text }) => text)).toEqual([
      ...['0', '1', '2', '3', '4', '5'],
    ]);
  });
});

describe('Reject', () => {
  it('refuses a turn with session_busy while another replica runs one, and leaves nothing of it', async () => {
    await start('Reject');
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'first', after: gate.promise });
    const first = say(left, 'one');
    await asked(1);
    expect(await say(right, 'two')).toMatchObject({ status: 409, code: 'session_busy' });
    gate.resolve();
    expect(await first).toMatchObject({ status: 200, text: 'first' });
    expect(await say(right, 'three')).toMatchObject({ status: 200 });
    expect(seen()).toEqual(['user: one', 'assistant: first', 'user: three']);
  });
});

describe('Interrupt', () => {
  it('ends the turn that another replica runs: its client gets run_interrupted, its partial answer is kept', async () => {
    await start('Interrupt');
    mock.next({ kind: 'stall', text: 'half an ans' });
    const first = say(left, 'one');
    await asked(1);
    await waitForPiece();
    const second = await say(right, 'two');
    expect(second).toMatchObject({ status: 200, text: 'two' });
    expect(await first).toMatchObject({ status: 409, code: 'run_interrupted' });
    expect((await first).headers.get('x-should-retry')).toBe('false');
    expect(seen()).toEqual(['user: one', 'assistant: half an ans', 'user: two']);
    expect(await history()).toEqual([
      { role: 'user', text: 'one', status: 'completed' },
      { role: 'assistant', text: 'half an ans', status: 'incomplete' },
      { role: 'user', text: 'two', status: 'completed' },
      { role: 'assistant', text: 'two', status: 'completed' },
    ]);
    expect(await state.rows('select status, error_code from runs order by created_at')).toEqual([
      { status: 'cancelled', error_code: 'run_interrupted' },
      { status: 'completed', error_code: null },
    ]);
    expect(mock.requests[0]?.aborted()).toBe(true);
  });

  it('ends a stream with an error event after what it had said', async () => {
    await start('Interrupt');
    mock.next({ kind: 'stall', text: 'half' });
    const first = await stream(left, 'one');
    await asked(1);
    expect(await say(right, 'two')).toMatchObject({ status: 200 });
    const text = await first.text();
    expect(text).toContain('"content":"half"');
    expect(text).toContain('"code":"run_interrupted"');
    expect(text).not.toContain('[DONE]');
    expect(seen()).toEqual(['user: one', 'assistant: half', 'user: two']);
  });

  // While hints arrive, what waits looks by itself each 5 s: a chain of ten would take far beyond the time-out.
  it('is heard at once, not at the next look', { timeout: 20_000 }, async () => {
    await start('Interrupt');
    await Promise.all([left, right].map(hintsArrive));
    mock.always({ kind: 'stall', text: 'x' });
    const turns: Promise<Answered>[] = [];
    for (let turn = 0; turn < 10; turn += 1) {
      turns.push(say(turn % 2 ? right : left, `turn ${turn}`));
      await asked(turn + 1);
    }
    mock.always({ kind: 'answer', text: 'at last' });
    expect(await say(right, 'last')).toMatchObject({ text: 'at last' });
    expect((await Promise.all(turns)).map(({ code }) => code)).toEqual(Array(10).fill('run_interrupted'));
  });

  it('lets the newest that waits stay and ends the older ones, on every replica', async () => {
    await start('Interrupt');
    expect(await say(left, 'zero')).toMatchObject({ status: 200 });
    const [run, worker] = await holdSession();
    const second = say(left, 'two');
    await queued(1);
    const third = say(right, 'three');
    expect(await second).toMatchObject({ status: 409, code: 'run_interrupted' });
    const fourth = say(left, 'four');
    expect(await third).toMatchObject({ status: 409, code: 'run_interrupted' });
    await state.rows(`update runs set status = 'cancelled' where id = $1 and worker = $2`, [run, worker]);
    expect(await fourth).toMatchObject({ status: 200, text: 'four' });
    expect(seen()).toEqual(['user: zero', 'assistant: zero', 'user: four']);
  });

  it('leaves the turn of another session alone', async () => {
    await start('Interrupt');
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'mine', after: gate.promise });
    const mine = say(left, 'one');
    await asked(1);
    const headers = { 'x-talaria-session-id': 'another' };
    expect(await ask(right.url, { key: 'ada', content: 'x', headers })).toMatchObject({ status: 200 });
    gate.resolve();
    expect(await mine).toMatchObject({ status: 200, text: 'mine' });
  });
});

const hintsArrive = ({ url }: TestGateway) =>
  waitFor('hints between replicas to arrive', async () =>
    (await (await fetch(`${url}/metrics`)).text()).includes('\ntalaria_hints_working 1'),
  );

/** Puts a run into the session that a worker elsewhere is at, which takes its time to stop. */
async function holdSession(): Promise<readonly [run: string, worker: string]> {
  const [run, worker] = [newId(), newId()];
  await state.rows(`insert into workers values ($1, 'elsewhere', 1, talaria_now() + interval '1 hour')`, [worker]);
  await state.rows(
    `insert into runs (id, agent, agent_uid, agent_generation, sequence, session_id, trigger, principal, status,
       foreground, input, attempt, worker)
     select $1, agent, agent_uid, 1, 1, id, 'api', principal, 'running', true, '{"items": []}', 1, $2 from sessions`,
    [run, worker],
  );
  return [run, worker];
}

/** Until the gateway had the time to read what the model sent before it fell silent. */
async function waitForPiece(): Promise<void> {
  for (let at = 0; at < 20; at += 1) await fetch(`${left.url}/healthz`);
}
