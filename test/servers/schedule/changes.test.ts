import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, tableOf } from './entries.ts';
import { decided, outcomes, runsOf, runsWith, seen } from './observe.ts';
import { type Replica, type ReplicaOptions, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { holdTurns } from './turns.ts';

let state: TestState;
const replicas: Replica[] = [];

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await state.drop();
});

/** A replica whose snapshot holds only this job; `change` puts the next snapshot in force. */
async function startWith(job: JobEntry, options: Partial<ReplicaOptions> = {}) {
  let sequence = 1;
  const table = await tableOf({ sequence, jobs: [job] });
  const replica = startReplica({ url: state.url, name: 'a', table, ...options });
  replicas.push(replica);
  await seen(state, job.name);
  const change = async (...jobs: JobEntry[]) => {
    sequence += 1;
    const next = sequence;
    replica.swap(await tableOf({ sequence: next, jobs }));
    if (jobs.length === 0) return;
    await waitFor('the change to be stored', async () => {
      const rows = await state.rows('select from cron_jobs where sequence = $1', [next]);
      return rows.length > 0;
    });
  };
  return { replica, change };
}

const hourly = (change: Partial<JobEntry> = {}) => jobEntry('hourly', { schedule: '@every 1h', ...change });
const noCatchUp = { policy: 'None', maxRuns: 1 } as const;

describe('a changed schedule', () => {
  it('applies to slots after the change, and what was due before is settled by the old one', async () => {
    const { change } = await startWith(hourly({ catchUp: noCatchUp }));
    await state.rows(
      `update cron_jobs set anchor = anchor - interval '90 minutes', decided_to = decided_to - interval '90 minutes'`,
    );
    await change(hourly({ catchUp: noCatchUp, schedule: '@every 2h', generation: 2 }));
    expect(
      await state.rows(`select reason, extract(epoch from talaria_now() - slot)::int / 60 as minutes from occurrences`),
    ).toEqual([{ reason: 'NoCatchUp', minutes: 30 }]);
    const [row] = await state.rows<{ ahead: number }>(
      'select round(extract(epoch from next_start - talaria_now()) / 60)::int as ahead from cron_jobs',
    );
    expect(row).toEqual({ ahead: 120 });
  });

  it('never fires for the time before it', async () => {
    const { change } = await startWith(hourly());
    const past = new Date(Date.now() - 60_000).toISOString();
    const { schedule: _, ...rest } = hourly({ generation: 2 });
    await change({ ...rest, at: past });
    expect(await decided(state, 'hourly', 1)).toEqual(['0h Missed FirstSeenLate']);
    expect(await runsOf(state, 'hourly')).toEqual([]);
  });
});

describe('an instant', () => {
  it('runs once, and then its job is completed', async () => {
    const { schedule: _, ...rest } = jobEntry('once');
    const { replica } = await startWith({ ...rest, at: new Date(Date.now() + 1_500).toISOString() });
    await runsWith(state, 'once', 1, 'completed');
    const scheduled = await waitFor('the status to tell', () =>
      replica.statuses.get('once')?.conditions.find(({ reason }) => reason === 'Completed'),
    );
    expect(scheduled).toMatchObject({ type: 'Scheduled', status: 'False' });
  });
});

describe('a new prompt', () => {
  it('changes the entry without a new generation, and moves no slot', async () => {
    const { change } = await startWith(hourly());
    const before = await state.rows('select anchor, decided_to, next_start from cron_jobs');
    await change(hourly({ silenceMarker: '[NOTHING]' }));
    expect(await state.rows('select anchor, decided_to, next_start from cron_jobs')).toEqual(before);
  });
});

describe('a suspension', () => {
  it('starts nothing, writes nothing while it lasts, and ends as missed slots', async () => {
    const { replica, change } = await startWith(hourly());
    await change(hourly({ suspend: true, generation: 2 }));
    await waitFor('the status to tell', () =>
      replica.statuses.get('hourly')?.conditions.find(({ reason }) => reason === 'Suspended'),
    );
    await state.moveClock(2.5 * 3_600);
    await waitFor('a tick after the clock moved', async () => {
      const rows = await state.rows('select from workers where lease_until > talaria_now()');
      return rows.length > 0;
    });
    expect(await outcomes(state, 'hourly')).toEqual([]);
    await change(hourly({ suspend: false, generation: 3 }));
    expect(await outcomes(state, 'hourly')).toEqual(['1h Missed Suspended', '2h Missed Suspended']);
    await state.moveClock(3_600);
    expect((await decided(state, 'hourly', 3)).at(-1)).toMatch(/^3h/);
    const healthy = await waitFor('the status to count the misses', () => {
      const status = replica.statuses.get('hourly');
      return status?.missedCount === 2 ? status : undefined;
    });
    expect(healthy.conditions).toContainEqual(expect.objectContaining({ type: 'Healthy', status: 'True' }));
  });
});

describe('talaria.dev/run-at', () => {
  it('is recorded and does not run when it is there from the first', async () => {
    const { change } = await startWith(hourly({ runAt: 'v1' }));
    await change(hourly({ runAt: 'v2' }));
    await runsWith(state, 'hourly', 1, 'completed');
    await change(hourly({ runAt: 'v1' }));
    await change(hourly({ runAt: 'v3' }));
    await runsWith(state, 'hourly', 2, 'completed');
    const keys = await state.rows<{ key: string; outcome: string }>(
      'select key, outcome from occurrences order by key',
    );
    expect(keys).toEqual([
      { key: 'run-at:v1', outcome: 'Recorded' },
      { key: 'run-at:v2', outcome: 'Started' },
      { key: 'run-at:v3', outcome: 'Started' },
    ]);
  });

  it('with a value that the database cannot hold as it is runs once, and holds up no other job', async () => {
    const { change } = await startWith(hourly());
    const odd = [`a\0b`, 'x'.repeat(100_000)];
    for (const [index, runAt] of odd.entries()) {
      const marked = { runAt, silenceMarker: 'none\0' };
      await change(hourly(marked), jobEntry('other', { schedule: '@every 1h', runAt }));
      await runsWith(state, 'hourly', index + 1, 'completed');
      await change(hourly({ ...marked, timeoutSeconds: 7 }), jobEntry('other', { schedule: '@every 1h', runAt }));
    }
    await state.moveClock(3_600);
    await runsWith(state, 'other', 2, 'completed');
    expect(await runsWith(state, 'hourly', 3, 'completed')).toHaveLength(3);
  });

  it('runs a suspended job once per value, and the status names the value', async () => {
    const { replica, change } = await startWith(hourly({ suspend: true }));
    await change(hourly({ suspend: true, runAt: 'now' }));
    await runsWith(state, 'hourly', 1, 'completed');
    await change(hourly({ suspend: true }));
    await change(hourly({ suspend: true, runAt: 'now', silenceMarker: 'x' }));
    await waitFor('the status to tell', () => replica.statuses.get('hourly')?.lastRunAt === 'now');
    await waitFor('the value to be recorded again', async () => {
      const rows = await state.rows(`select from cron_jobs where run_at_seen = 'now'`);
      return rows.length > 0;
    });
    expect(await runsOf(state, 'hourly')).toHaveLength(1);
  });
});

describe('a deleted CronJob', () => {
  it.each(['Finish', 'Cancel'] as const)('with onDelete %s: queued runs are cancelled', async (onDelete) => {
    const turns = holdTurns();
    const job = jobEntry('doomed', { concurrencyPolicy: 'Allow', session: { type: 'Named', name: 'log' }, onDelete });
    const { change } = await startWith(job, { runTurn: turns.runTurn });
    await waitFor('a run and one that waits for its session', async () => {
      const statuses = (await runsOf(state, 'doomed')).map(({ status }) => status);
      return statuses.includes('running') && statuses.includes('queued') && turns.begun() === 1;
    });
    await change();
    await waitFor('the job to be gone', async () => {
      const rows = await state.rows('select from cron_jobs where gone_at is not null');
      return rows.length > 0;
    });
    if (onDelete === 'Cancel') await waitFor('the turn to be aborted', () => turns.aborted() === 1);
    turns.release();
    const runs = await waitFor('every run to end', async () => {
      const all = await runsOf(state, 'doomed');
      return all.every(({ status }) => ['completed', 'cancelled'].includes(status)) ? all : undefined;
    });
    expect(runs[0]?.status).toBe(onDelete === 'Finish' ? 'completed' : 'cancelled');
    expect(new Set(runs.slice(1).map(({ error_code }) => error_code))).toEqual(new Set(['job_deleted']));
  });

  it('made again under its name is another job, with its own slots', async () => {
    const { change } = await startWith(hourly());
    await state.moveClock(3_700);
    await runsWith(state, 'hourly', 1, 'completed');
    await change(hourly({ uid: 'second' }));
    const rows = await state.rows<{ uid: string; gone: boolean; behind: boolean }>(
      `select uid, gone_at is not null as gone, decided_to < talaria_now() - interval '1 minute' as behind
       from cron_jobs order by uid`,
    );
    expect(rows).toEqual([
      { uid: 'second', gone: false, behind: false },
      { uid: 'uid-of-hourly', gone: true, behind: false },
    ]);
    expect(await state.rows(`select from occurrences where job_uid = 'second'`)).toEqual([]);
  });

  it('is not brought back by a replica with an older snapshot', async () => {
    const job = hourly();
    const { change } = await startWith(job);
    await change();
    await waitFor('the job to be gone', async () => {
      const rows = await state.rows('select from cron_jobs where gone_at is not null');
      return rows.length > 0;
    });
    const table = await tableOf({ sequence: 1, jobs: [job, jobEntry('witness')] });
    replicas.push(startReplica({ url: state.url, name: 'old', table }));
    await seen(state, 'witness');
    expect(await state.rows('select gone_at is null as back from cron_jobs where uid = $1', ['uid-of-hourly'])).toEqual(
      [{ back: false }],
    );
  });
});

describe('a replica with an older snapshot', () => {
  it('decides no job that a newer one changed', async () => {
    const fast = jobEntry('edited', { concurrencyPolicy: 'Allow' });
    const slow = jobEntry('edited', { schedule: '@every 1h', generation: 2 });
    const { change } = await startWith(fast);
    await change(slow);
    const before = await runsOf(state, 'edited');
    replicas.push(startReplica({ url: state.url, name: 'old', table: await tableOf({ sequence: 1, jobs: [fast] }) }));
    await state.moveClock(3_700);
    await waitFor('the slot of the new schedule', async () => (await runsOf(state, 'edited')).length > before.length);
    expect(await runsOf(state, 'edited')).toHaveLength(before.length + 1);
    const [row] = await state.rows<{ schedule: string }>('select schedule from cron_jobs');
    expect(row?.schedule).toContain('@every 1h');
  });
});

describe('the Agent of a CronJob', () => {
  it('changes for slots after the change alone', async () => {
    const turns = holdTurns();
    const job = jobEntry('moved', { concurrencyPolicy: 'Forbid' });
    const agents = [agentEntry('clerk'), agentEntry('other')];
    const replica = startReplica({
      url: state.url,
      name: 'a',
      table: await tableOf({ sequence: 1, agents, jobs: [job] }),
      runTurn: turns.runTurn,
    });
    replicas.push(replica);
    await waitFor('a run to begin', () => turns.begun() === 1);
    replica.swap(await tableOf({ sequence: 2, agents, jobs: [{ ...job, agent: 'other', generation: 2 }] }));
    turns.release();
    const runs = await waitFor('a run as the other agent', async () => {
      const all = await runsOf(state, 'moved');
      return all.some(({ agent, status }) => agent === 'other' && status === 'completed') ? all : undefined;
    });
    expect(runs[0]).toMatchObject({ agent: 'clerk', status: 'completed' });
    expect(
      await state.rows(`select from sessions s join runs r on r.session_id = s.id where r.agent <> s.agent`),
    ).toEqual([]);
  });
});
