import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentEntry, DeliverTarget, JobEntry } from '../../../core/snapshot/schema.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, tableOf } from './entries.ts';
import { runsOf, runsWith, seen } from './observe.ts';
import { type Replica, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { answer, type HeldTurns, holdTurns } from './turns.ts';

let state: TestState;
let replica: Replica;
let turns: HeldTurns;

beforeEach(async () => {
  state = await createState();
  turns = holdTurns();
});

afterEach(async () => {
  turns.release();
  await replica.stop();
  await state.drop();
});

const job = (change: Partial<JobEntry> = {}) => jobEntry('report', { schedule: '@every 1000h', ...change });

async function start(entry: JobEntry, runTurn = turns.runTurn): Promise<void> {
  const table = await tableOf({ sequence: 1, jobs: [entry] });
  replica = startReplica({ url: state.url, name: 'a', table, runTurn });
  await seen(state, entry.name);
}

async function swap(sequence: number, entry: JobEntry, agents?: readonly AgentEntry[]): Promise<void> {
  replica.swap(await tableOf({ sequence, jobs: [entry], ...(agents && { agents }) }));
}

describe('an Agent that changes between a slot and its run', () => {
  /** A run, and another one of the same session that waits and that no worker looks at for an hour. */
  async function startQueued(entry: JobEntry): Promise<void> {
    await start(entry);
    await swap(2, { ...entry, runAt: 'first' });
    await waitFor('the first to run', () => turns.begun() === 1);
    await swap(3, { ...entry, runAt: 'second' });
    await waitFor('the second to wait', async () => {
      const runs = await runsOf(state, 'report');
      return runs.length === 2 && runs[1]?.status === 'queued';
    });
    await state.rows(`update runs set start_after = talaria_now() + interval '1 hour' where status = 'queued'`);
  }

  const allowed = job({ concurrencyPolicy: 'Allow', session: { type: 'Named', name: 'log' } });
  const due = () => state.rows(`update runs set start_after = talaria_now() where status = 'queued'`);

  it('runs as the Agent is now, and the run tells which generation and snapshot that was', async () => {
    await startQueued(allowed);
    await swap(4, { ...allowed, runAt: 'second' }, [agentEntry('clerk', { generation: 7 })]);
    turns.release();
    await due();
    await runsWith(state, 'report', 2, 'completed');
    expect(
      await state.rows(
        `select agent, agent_uid, agent_generation::int as generation, sequence::int from runs order by slot`,
      ),
    ).toEqual([
      { agent: 'clerk', agent_uid: 'uid-of-clerk', generation: 1, sequence: 2 },
      { agent: 'clerk', agent_uid: 'uid-of-clerk', generation: 7, sequence: 4 },
    ]);
  });

  it.each([
    ['is suspended', [agentEntry('clerk', { refuse: 'agent_suspended' })], 'agent_suspended'],
    ['is deleted', [agentEntry('other', { default: true })], 'agent_not_found'],
  ])('%s: the queued run fails with that reason, and the running one finishes', async (_, agents, code) => {
    await startQueued(allowed);
    await swap(4, { ...allowed, runAt: 'second' }, agents);
    turns.release();
    await due();
    const runs = await waitFor('both to end', async () => {
      const all = await runsOf(state, 'report');
      return all.every(({ status }) => ['completed', 'failed'].includes(status)) ? all : undefined;
    });
    expect(runs.map(({ agent, status, error_code }) => [agent, status, error_code])).toEqual([
      ['clerk', 'completed', null],
      ['clerk', 'failed', code],
    ]);
    expect(turns.begun()).toBe(1);
  });

  it('is another one by agentRef: the running and the queued run stay the old Agent’s, and new ones are the new one’s', async () => {
    const agents = [agentEntry('clerk'), agentEntry('other')];
    await startQueued(allowed);
    const moved = { ...allowed, agent: 'other', generation: 2 };
    await swap(4, { ...moved, runAt: 'second' }, agents);
    turns.release();
    await due();
    await runsWith(state, 'report', 2, 'completed');
    await swap(5, { ...moved, runAt: 'third' }, agents);
    const runs = await runsWith(state, 'report', 3, 'completed');
    expect(runs.map(({ agent }) => agent)).toEqual(['clerk', 'clerk', 'other']);
    const mixed = 'select from sessions s join runs r on r.session_id = s.id where r.agent <> s.agent';
    expect(await state.rows(mixed)).toEqual([]);
    expect(await state.rows(`select agent from sessions order by agent`)).toEqual([
      { agent: 'clerk' },
      { agent: 'other' },
    ]);
  });
});

describe('a run whose agent answers with nothing', () => {
  it('has failed, keeps what was said and used, and tells the targets for failures alone', async () => {
    const log = (name: string): DeliverTarget => ({ name, log: true, expireAfterSeconds: 60 });
    const entry = job({
      deliver: [log('result')],
      onFailure: { deliver: [log('alarm')], afterConsecutive: 1 },
      retry: { maxAttempts: 3, backoffSeconds: 1 },
    });
    let calls = 0;
    await start(entry, async ({ onEffect }) => {
      await onEffect?.();
      calls += 1;
      return answer(' \n');
    });
    await swap(2, { ...entry, runAt: 'now' });
    const [run] = await runsWith(state, 'report', 1, 'failed');
    expect(run).toMatchObject({ error_code: 'empty_result', attempt: 1 });
    expect(calls).toBe(1);
    expect(await state.rows('select target from deliveries')).toEqual([{ target: 'failure/alarm' }]);
    expect(await state.rows('select count(*)::int as said from items')).toEqual([{ said: 2 }]);
    expect(await state.rows('select usage, model from runs')).toEqual([
      { usage: { inputTokens: 1, outputTokens: 1 }, model: 'test' },
    ]);
  });
});
