import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../core/lib/hash.ts';
import type { DeliverTarget, JobEntry } from '../../../core/snapshot/schema.ts';
import type { RunTurn } from '../../../gateway/agent/turn.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { jobEntry, tableOf } from './entries.ts';
import { decided, outcomes, runsOf, runsWith, seen } from './observe.ts';
import { type Replica, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { answer, answerTurns, holdTurns } from './turns.ts';

let state: TestState;
let replica: Replica;
let sequence: number;

beforeEach(async () => {
  state = await createState();
  sequence = 1;
});

afterEach(async () => {
  await replica.stop();
  await state.drop();
});

async function start(job: JobEntry, runTurn: RunTurn): Promise<void> {
  replica = startReplica({ url: state.url, name: 'a', table: await tableOf({ sequence, jobs: [job] }), runTurn });
  await seen(state, job.name);
}

/** Puts the next snapshot in force and waits until the job is stored as it says. */
async function change(job: JobEntry): Promise<void> {
  sequence += 1;
  replica.swap(await tableOf({ sequence, jobs: [job], texts: ['good evening'] }));
  await waitFor('the change to be stored', async () => {
    const rows = await state.rows('select from cron_jobs where sequence = $1', [sequence]);
    return rows.length > 0;
  });
}

const log = (name: string): DeliverTarget => ({ name, log: true, expireAfterSeconds: 60 });
const hourly = (more: Partial<JobEntry> = {}) => jobEntry('hourly', { schedule: '@every 1h', ...more });

describe('a CronJob that is edited while it runs', () => {
  it('finishes what was started as it was started, queued runs too, and starts later slots by the new spec', async () => {
    const gate = Promise.withResolvers<void>();
    const asked: string[] = [];
    const job = hourly({
      concurrencyPolicy: 'Allow',
      session: { type: 'Named', name: 'log' },
      deliver: [log('old')],
    });
    await start(job, async ({ messages, onEffect }) => {
      await onEffect?.();
      asked.push(String(messages.at(-1)?.content));
      await gate.promise;
      return answer('done');
    });
    await change({ ...job, runAt: 'first' });
    await waitFor('the first to run', () => asked.length === 1);
    await change({ ...job, runAt: 'second' });
    await waitFor('the second to wait', async () => (await runsOf(state, 'hourly')).length === 2);

    const edited = {
      ...job,
      generation: 2,
      prompt: sha256('good evening'),
      deliver: [log('new')],
      schedule: '@every 2h',
    };
    await change({ ...edited, runAt: 'second' });
    gate.resolve();
    await runsWith(state, 'hourly', 2, 'completed');
    const anchor = await seen(state, 'hourly');
    const [row] = await state.rows<{ next: Date }>('select next_start as next from cron_jobs');
    expect((row?.next.getTime() ?? 0) - anchor).toBe(2 * 3_600_000);
    await state.moveClock(2 * 3_600);
    await runsWith(state, 'hourly', 3, 'completed');
    expect(asked).toEqual(['good morning', 'good morning', 'good evening']);
    expect(
      await state.rows('select d.target from deliveries d join runs r on r.id = d.run_id order by r.slot'),
    ).toEqual(['old', 'old', 'new'].map((name) => ({ target: `deliver/${name}` })));
  });
});

describe('a CronJob that is suspended for a day and resumed', () => {
  it.each(['Latest', 'All'] as const)('with catchUp %s starts none of the slots of the suspension', async (policy) => {
    const job = hourly({ catchUp: { policy, maxRuns: 100 } });
    await start(job, answerTurns('done'));
    await change({ ...job, suspend: true, generation: 2 });
    await state.moveClock(24 * 3_600 + 60);
    await change({ ...job, generation: 3 });
    const [gap] = await state.rows('select reason, count::int from gaps');
    expect(gap).toEqual({ reason: 'Suspended', count: 24 });
    expect(await runsOf(state, 'hourly')).toEqual([]);
    await state.moveClock(3_600);
    expect(await decided(state, 'hourly', 1)).toEqual(['25h Started']);
    await runsWith(state, 'hourly', 1, 'completed');
  });

  it('with a schedule of every second goes on at the next second', async () => {
    const job = jobEntry('busy', { suspend: true });
    await start(job, answerTurns('done'));
    await state.moveClock(24 * 3_600);
    await change({ ...job, suspend: false, generation: 2 });
    await waitFor('three runs', async () => (await runsOf(state, 'busy')).length >= 3);
    const [row] = await state.rows<{ runs: number; seconds: number }>(
      `select count(*)::int as runs, round(extract(epoch from max(slot) - min(slot)))::int + 1 as seconds from runs`,
    );
    expect(row?.runs).toBe(row?.seconds);
  });

  it('goes on with what it had started before: a running run and the backlog that waits behind it', async () => {
    const turns = holdTurns();
    const job = hourly({ catchUp: { policy: 'All', maxRuns: 5 } });
    await start(job, turns.runTurn);
    await replica.stop();
    await state.moveClock(2.5 * 3_600);
    await start(job, turns.runTurn);
    await waitFor('the first of the backlog to run', () => turns.begun() === 1);
    await change({ ...job, suspend: true, generation: 2 });
    turns.release();
    await runsWith(state, 'hourly', 2, 'completed');
    expect(await outcomes(state, 'hourly')).toEqual(['1h Started', '2h Started']);
  });
});
