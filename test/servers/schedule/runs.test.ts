import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TalariaError } from '../../../core/lib/errors.ts';
import type { JobEntry } from '../../../core/snapshot/schema.ts';
import type { RunTurn } from '../../../gateway/agent/turn.ts';
import { startMockModel } from '../../harness/mock-model.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { agentEntry, jobEntry, tableOf } from './entries.ts';
import { runsOf, runsWith, seen } from './observe.ts';
import { type Replica, type ReplicaOptions, startReplica } from './replica.ts';
import { createState, type TestState } from './state.ts';
import { answer, answerTurns, failTurns, holdTurns } from './turns.ts';

let state: TestState;
const replicas: Replica[] = [];

beforeEach(async () => {
  state = await createState();
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  await state.drop();
});

async function start(job: JobEntry, options: Partial<ReplicaOptions> = {}): Promise<Replica> {
  const table = await tableOf({ sequence: 1, jobs: [job] });
  const replica = startReplica({ url: state.url, name: 'a', table, ...options });
  replicas.push(replica);
  await seen(state, job.name);
  return replica;
}

/** A job that runs only when `runOnce` asks for it. */
const quiet = (change: Partial<JobEntry> = {}) => jobEntry('quiet', { schedule: '@every 1000h', ...change });

async function runOnce(replica: Replica, job: JobEntry, value: string, sequence: number): Promise<void> {
  replica.swap(await tableOf({ sequence, jobs: [{ ...job, runAt: value }] }));
}

describe('Forbid', () => {
  it('misses the slots that fall into a run, and says so', async () => {
    const turns = holdTurns();
    const replica = await start(jobEntry('slow'), { runTurn: turns.runTurn });
    await waitFor('two missed slots', async () => {
      const rows = await state.rows(`select from occurrences where reason = 'Forbid'`);
      return rows.length >= 2;
    });
    expect(turns.begun()).toBe(1);
    await waitFor('the report', () => replica.reports.length > 0);
    expect(replica.reports).toEqual([expect.stringMatching(/^slow: .* missed.* because of Forbid\.$/)]);
    turns.release();
    await waitFor('the next run', async () => (await runsOf(state, 'slow')).length > 1);
  });
});

describe('Replace', () => {
  const job = jobEntry('replaced', { concurrencyPolicy: 'Replace', schedule: '@every 2s' });

  it('stops the old run, and the new one starts when it has ended', async () => {
    const turns = holdTurns();
    await start(job, { runTurn: turns.runTurn });
    const runs = await waitFor('two runs to be replaced', async () => {
      const all = await runsOf(state, 'replaced');
      return all.slice(0, 2).every(({ status }) => status === 'cancelled') && all.length > 2 ? all : undefined;
    });
    expect(runs.slice(0, 2).map(({ error_code }) => error_code)).toEqual(['replaced', 'replaced']);
    expect(turns.aborted()).toBeGreaterThanOrEqual(2);
    const [overlap] = await state.rows<{ overlaps: number }>(
      `select count(*)::int as overlaps from runs a join runs b on a.job_uid = b.job_uid and a.slot < b.slot
       where b.started_at < coalesce(a.finished_at, 'infinity')`,
    );
    expect(overlap).toEqual({ overlaps: 0 });
    turns.release();
  });

  it('gives up an old run that does not stop, which then counts as unknown', async () => {
    const stuck: RunTurn = async ({ onEffect }) => {
      await onEffect?.();
      return await new Promise(() => undefined);
    };
    const replica = await start(quiet({ concurrencyPolicy: 'Replace' }), { runTurn: stuck });
    await runOnce(replica, quiet({ concurrencyPolicy: 'Replace' }), 'first', 2);
    await runsWith(state, 'quiet', 1, 'running');
    await runOnce(replica, quiet({ concurrencyPolicy: 'Replace' }), 'second', 3);
    await waitFor('the old run to be asked', async () => (await runsOf(state, 'quiet'))[0]?.status === 'stopping');
    const [waits] = await state.rows(
      `select extract(epoch from old.stop_by - new.created_at)::int as seconds
       from runs old, runs new where old.status = 'stopping' and new.status = 'queued'`,
    );
    expect(waits).toEqual({ seconds: 30 });
    await state.rows(`update runs set stop_by = talaria_now() where status = 'stopping'`);
    await waitFor('the new run to start', async () => (await runsOf(state, 'quiet'))[1]?.status === 'running');
    expect((await runsOf(state, 'quiet'))[0]?.status).toBe('unknown');
  });
});

describe('a run that fails', () => {
  it('before a model was called is attempted again, as the same run', async () => {
    let calls = 0;
    const flaky: RunTurn = async (turn) => {
      calls += 1;
      if (calls < 3) throw new TalariaError('agent_not_ready', 'its key is missing');
      return await answerTurns('done')(turn);
    };
    const job = quiet({ retry: { maxAttempts: 3, backoffSeconds: 1 } });
    const replica = await start(job, { runTurn: flaky });
    await runOnce(replica, job, 'now', 2);
    const [run] = await runsWith(state, 'quiet', 1, 'completed');
    expect(run).toMatchObject({ attempt: 3, error_code: null, output_text: 'done' });
    expect(await state.rows(`select from occurrences where outcome = 'Started'`)).toHaveLength(1);
  });

  it('after a model was called is not', async () => {
    const job = quiet({ retry: { maxAttempts: 3, backoffSeconds: 1 } });
    const replica = await start(job, { runTurn: failTurns });
    await runOnce(replica, job, 'now', 2);
    const [run] = await runsWith(state, 'quiet', 1, 'failed');
    expect(run).toMatchObject({ attempt: 1, error_code: 'model_failed' });
    const healthy = await waitFor('the status to tell', () =>
      replica.statuses.get('quiet')?.conditions.find(({ reason }) => reason === 'RunFailed'),
    );
    expect(healthy).toMatchObject({ type: 'Healthy', status: 'False' });
    expect(replica.statuses.get('quiet')).toMatchObject({ consecutiveFailures: 1 });
  });

  it('in the middle of the model’s answer asks no model again', async () => {
    const mock = await startMockModel();
    mock.always({ kind: 'reset', text: 'half' });
    const model = { ...agentEntry('clerk').model, provider: 'openai-compatible', baseURL: mock.baseURL } as const;
    const clerk = agentEntry('clerk', { model: { ...model, maxRetries: 2, fallbacks: [model] } });
    const job = quiet({ retry: { maxAttempts: 3, backoffSeconds: 1 } });
    const replica = await start(job);
    replica.swap(await tableOf({ sequence: 2, agents: [clerk], jobs: [{ ...job, runAt: 'now' }] }));
    const [run] = await runsWith(state, 'quiet', 1, 'failed');
    expect(run).toMatchObject({ attempt: 1, error_code: 'model_failed' });
    expect(mock.requests).toHaveLength(1);
    await mock.stop();
  });

  it('by taking longer than timeoutSeconds says so', async () => {
    const turns = holdTurns();
    const job = quiet({ timeoutSeconds: 1 });
    const replica = await start(job, { runTurn: turns.runTurn });
    await runOnce(replica, job, 'now', 2);
    const [run] = await runsWith(state, 'quiet', 1, 'failed');
    expect(run?.error_code).toBe('run_timeout');
    expect(turns.aborted()).toBe(1);
  });

  it('because its references are not resolved calls no model', async () => {
    const turns = holdTurns();
    const job = quiet({ unresolved: 'SecretNotFound' });
    const replica = await start(job, { runTurn: turns.runTurn });
    await runOnce(replica, job, 'now', 2);
    const [run] = await runsWith(state, 'quiet', 1, 'failed');
    expect(run?.error_code).toBe('refs_not_resolved');
    expect(turns.begun()).toBe(0);
  });

  it('suspendAfter times in a row pauses the job until its spec changes', async () => {
    const job = jobEntry('failing', { onFailure: { deliver: [], afterConsecutive: 1, suspendAfter: 2 } });
    const replica = await start(job, { runTurn: failTurns });
    await waitFor('the status to tell', () =>
      replica.statuses.get('failing')?.conditions.find(({ reason }) => reason === 'Paused'),
    );
    expect(await runsOf(state, 'failing')).toHaveLength(2);
    replica.swap(await tableOf({ sequence: 2, jobs: [{ ...job, silenceMarker: 'a new prompt, not a new spec' }] }));
    await waitFor('the change to be stored', async () => {
      const rows = await state.rows('select from cron_jobs where sequence = 2');
      return rows.length > 0;
    });
    expect(await state.rows('select paused_reason, next_start from cron_jobs')).toEqual([
      { paused_reason: 'Failures', next_start: null },
    ]);
    replica.swap(await tableOf({ sequence: 3, jobs: [{ ...job, generation: 2 }] }));
    await waitFor('a run after the pause', async () => (await runsOf(state, 'failing')).length > 2);
    const [missed] = await state.rows<{ reason: string }>('select reason from missed_totals');
    expect(missed).toEqual({ reason: 'Suspended' });
  });
});

describe('a worker that dies', () => {
  it('before a model was called: the run goes on with the next one, as its next attempt', async () => {
    const job = quiet();
    const replica = await start(job, { runTurn: answerTurns('done') });
    await state.rows(
      `insert into workers (id, replica, sequence, lease_until)
       values ('00000000-0000-7000-8000-000000000001', 'dead', 1, talaria_now())`,
    );
    await queueRun(job, `status = 'running', worker = '00000000-0000-7000-8000-000000000001', attempt = 1`);
    const [run] = await runsWith(state, 'quiet', 1, 'completed');
    expect(run).toMatchObject({ attempt: 2, output_text: 'done' });
    expect(replica.statuses.get('quiet')?.consecutiveFailures).toBe(0);
  });

  it('and is started again under its name: its runs go on at once, those of other dead workers later', async () => {
    const [own, foreign] = [quiet(), jobEntry('foreign', { schedule: '@every 1000h' })];
    const workers = { own: '00000000-0000-7000-8000-000000000002', dead: '00000000-0000-7000-8000-000000000003' };
    await state.rows(
      `insert into workers (id, replica, sequence, lease_until)
       values ($1, 'a', 1, talaria_now() + interval '1 hour'), ($2, 'b', 1, talaria_now() - interval '1 second')`,
      [workers.own, workers.dead],
    );
    await queueRun(own, `status = 'running', worker = '${workers.own}', attempt = 1`);
    await queueRun(foreign, `status = 'running', worker = '${workers.dead}', attempt = 1`);
    let foreignMeanwhile: string | undefined;
    const answer = answerTurns('done');
    const runTurn: RunTurn = async (turn) => {
      foreignMeanwhile ??= (await runsOf(state, 'foreign'))[0]?.status;
      return await answer(turn);
    };
    const table = await tableOf({ sequence: 1, jobs: [own, foreign] });
    replicas.push(startReplica({ url: state.url, name: 'a', table, runTurn }));
    const [run] = await runsWith(state, 'quiet', 1, 'completed');
    expect(run).toMatchObject({ attempt: 2, output_text: 'done' });
    expect(foreignMeanwhile).toBe('running');
    expect(await runsWith(state, 'foreign', 1, 'completed')).toMatchObject([{ attempt: 2 }]);
  });

  it('after a model was called: the run is unknown, frees its job, and counts as failed', async () => {
    const job = jobEntry('lost', { schedule: '@every 1s' });
    const replica = await start({ ...job, suspend: true });
    await queueRun(job, `status = 'running', worker = gen_random_uuid(), attempt = 1, effects_started = true`);
    replica.swap(await tableOf({ sequence: 2, jobs: [job] }));
    await waitFor('the job to go on', async () =>
      (await runsOf(state, 'lost')).some(({ status }) => status === 'completed'),
    );
    const [run] = await waitFor('the run to be settled', async () => {
      const runs = await runsOf(state, 'lost');
      return runs[0]?.status === 'unknown' ? runs : undefined;
    });
    expect(run).toMatchObject({ attempt: 1, error_code: 'run_unknown' });
    expect(await state.rows(`select from occurrences where reason = 'Forbid'`)).toEqual([]);
  });

  it('or never learned that it was given a run: the run is given back', async () => {
    const job = quiet();
    await start(job, { runTurn: answerTurns('done') });
    const worker = await waitFor('the lease of the worker', async () => {
      const rows = await state.rows<{ id: string }>('select id from workers');
      return rows[0]?.id;
    });
    await queueRun(job, `status = 'running', worker = '${worker}', attempt = 1`);
    const [run] = await runsWith(state, 'quiet', 1, 'completed');
    expect(run).toMatchObject({ attempt: 2, output_text: 'done' });
  });

  it('and comes back late: its result is kept, and nothing is sent', async () => {
    const turns = holdTurns('late');
    const job = quiet({ deliver: [{ name: 'log', log: true, expireAfterSeconds: 60 }] });
    const replica = await start(job, { runTurn: turns.runTurn });
    await runOnce(replica, job, 'now', 2);
    await waitFor('the turn to begin', () => turns.begun() === 1);
    await state.rows(`update runs set status = 'unknown', finished_at = talaria_now()`);
    turns.release();
    await waitFor('the late result', async () => (await runsOf(state, 'quiet'))[0]?.output_text === 'late');
    expect((await runsOf(state, 'quiet'))[0]?.status).toBe('unknown');
    expect(await state.rows('select from deliveries')).toEqual([]);
  });

  /** A run as a tick would have stored it, changed by `set`. */
  async function queueRun(job: JobEntry, set: string): Promise<void> {
    await state.rows(
      `insert into runs (id, agent, agent_uid, agent_generation, sequence, trigger, principal, job_uid, occurrence, slot,
         status, foreground, input)
       values (gen_random_uuid(), 'clerk', 'uid-of-clerk', 1, 1, 'cron', $1, $1, 'by-hand', talaria_now() - interval '1 hour',
         'queued', false, $2)`,
      [job.uid, JSON.stringify({ prompt: 'hello', job })],
    );
    await state.rows(`update runs set ${set} where occurrence = 'by-hand' and job_uid = $1`, [job.uid]);
  }
});

describe('runs that end at once', () => {
  it('each keep their own end, count for their own job and deliver their own result', async () => {
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const runTurn: RunTurn = async ({ onEffect }) => {
      await onEffect?.();
      begun += 1;
      const number = begun;
      await gate.promise;
      if (number === 3) throw new TalariaError('model_failed', 'the model server answered 500');
      return answer(`${number}`);
    };
    const jobs = Array.from({ length: 8 }, (_, index) =>
      jobEntry(`job-${index}`, {
        schedule: '@every 1000h',
        deliver: [{ name: 'log', log: true, expireAfterSeconds: 60 }],
      }),
    );
    const replica = startReplica({ url: state.url, name: 'a', table: await tableOf({ sequence: 1, jobs }), runTurn });
    replicas.push(replica);
    await Promise.all(jobs.map(({ name }) => seen(state, name)));
    replica.swap(await tableOf({ sequence: 2, jobs: jobs.map((job) => ({ ...job, runAt: 'now' })) }));
    await waitFor('all to have begun', () => begun === jobs.length);
    gate.resolve();
    const ended = await waitFor('all to have ended', async () => {
      const rows = await state.rows<{
        text: string | null;
        failed: boolean;
        failures: number;
        sent: number;
        said: number;
      }>(
        `select r.output_text as text, r.status = 'failed' as failed, j.consecutive_failures as failures,
           (select count(*)::int from deliveries d where d.run_id = r.id and d.job_uid = r.job_uid) as sent,
           (select count(*)::int from items i where i.session_id = r.session_id and i.run_id = r.id) as said
         from runs r join cron_jobs j on j.uid = r.job_uid where r.finished_at is not null order by r.output_text`,
      );
      return rows.length === jobs.length ? rows : undefined;
    });
    const completed = ['1', '2', '4', '5', '6', '7', '8'].map((text) => ({
      text,
      failed: false,
      failures: 0,
      sent: 1,
      said: 2,
    }));
    expect(ended).toEqual([...completed, { text: null, failed: true, failures: 1, sent: 0, said: 0 }]);
  });
});

describe('the end of a run whose job somebody else has locked', () => {
  it('is stored when the lock is gone, and holds up no other', async () => {
    const turns = holdTurns('done');
    const jobs = ['locked', 'other'].map((name) => jobEntry(name, { schedule: '@every 1000h' }));
    const table = (sequence: number, change: Partial<JobEntry>) =>
      tableOf({ sequence, jobs: jobs.map((job) => ({ ...job, ...change })) });
    const replica = startReplica({ url: state.url, name: 'a', table: await table(1, {}), runTurn: turns.runTurn });
    replicas.push(replica);
    await Promise.all(jobs.map(({ name }) => seen(state, name)));
    replica.swap(await table(2, { runAt: 'now' }));
    await waitFor('both to have begun', () => turns.begun() === 2);

    const holder = new pg.Client(state.url);
    await holder.connect();
    try {
      await holder.query(`begin; select from cron_jobs where uid = 'uid-of-locked' for update`);
      turns.release();
      await runsWith(state, 'other', 1, 'completed');
      expect((await runsOf(state, 'locked'))[0]?.status).toBe('running');
      await holder.query('commit');
    } finally {
      await holder.end();
    }
    expect(await runsWith(state, 'locked', 1, 'completed')).toMatchObject([{ attempt: 1, output_text: 'done' }]);
  });
});

describe('the session of a run', () => {
  it('is its own when the job says Isolated, and ends with it', async () => {
    const job = quiet();
    const replica = await start(job);
    await runOnce(replica, job, 'now', 2);
    const [run] = await runsWith(state, 'quiet', 1, 'completed');
    const sessions = await state.rows(
      'select agent, platform, principal, name, last_seq, ended_at is not null as ended from sessions',
    );
    const name = `run_${run?.id.replaceAll('-', '')}`;
    expect(sessions).toEqual([
      { agent: 'clerk', platform: 'cron', principal: job.uid, name, last_seq: '2', ended: true },
    ]);
    const items = `select seq, agent, data ->> 'role' as role, data #>> '{content,0,text}' as said from items order by seq`;
    expect(await state.rows(items)).toEqual([
      { seq: '1', agent: 'clerk', role: 'user', said: 'good morning' },
      { seq: '2', agent: 'clerk', role: 'assistant', said: 'good morning' },
    ]);
  });

  it('goes on from run to run when the job says Named, one run at a time', async () => {
    const histories: number[] = [];
    const counting: RunTurn = async (turn) => {
      histories.push(turn.messages.length);
      return await answerTurns(`answer ${histories.length}`)(turn);
    };
    await start(jobEntry('diary', { concurrencyPolicy: 'Allow', session: { type: 'Named', name: 'diary' } }), {
      runTurn: counting,
    });
    await waitFor('three turns', () => histories.length >= 3);
    expect(histories.slice(0, 3)).toEqual([1, 3, 5]);
    const sessions = await state.rows('select agent, platform, principal, name from sessions');
    expect(sessions).toEqual([{ agent: 'clerk', platform: 'cron', principal: 'uid-of-diary', name: 'diary' }]);
  });
});

describe('the status of a CronJob', () => {
  it('shows the last slot, the next one, what is active and the newest runs', async () => {
    const turns = holdTurns();
    const job = jobEntry('shown', { deliver: [{ name: 'log', log: true, expireAfterSeconds: 60 }] });
    const replica = await start(job, { runTurn: turns.runTurn });
    await waitFor('a run to begin', () => turns.begun() === 1);
    const active = await waitFor('the status to show it', () => {
      const status = replica.statuses.get('shown');
      return status?.active.length === 1 ? status : undefined;
    });
    expect(active.recentRuns.at(-1)).toMatchObject({ outcome: 'Running', deliveryOutcome: '' });
    expect(active.lastScheduleTime).toBe(active.active[0]?.scheduledTime);
    await waitFor('the status to count a miss', () => (replica.statuses.get('shown')?.missedCount ?? 0) > 0);
    turns.release();
    const done = await waitFor(
      'the status to show the end of the run and of its delivery',
      () => {
        const status = replica.statuses.get('shown');
        const succeeded = status?.recentRuns.find(({ outcome }) => outcome === 'Succeeded');
        return succeeded?.deliveryOutcome === 'Sent' ? status : undefined;
      },
      { timeoutMs: 60_000 },
    );
    expect(done.lastSuccessfulTime).toBe(done.recentRuns.find(({ outcome }) => outcome === 'Succeeded')?.scheduledTime);
    expect(Date.parse(done.nextScheduleTime ?? '')).toBeGreaterThan(Date.parse(done.lastScheduleTime ?? ''));
    expect(done.recentRuns.length).toBeLessThanOrEqual(10);
    expect(done.recentRuns.find(({ outcome }) => outcome === 'Missed(Forbid)')).toMatchObject({ runId: '' });
  });

  it('is written by one replica, and not again while nothing changed', async () => {
    const writes: string[] = [];
    const sink = (name: string) => ({
      writeJobStatus: async () => {
        writes.push(name);
      },
      report: async () => undefined,
    });
    const table = await tableOf({ sequence: 1, jobs: [quiet()] });
    for (const name of ['a', 'b']) {
      replicas.push(startReplica({ url: state.url, name, table, sink: sink(name) }));
    }
    await waitFor('the first write', () => writes.length > 0);
    await waitFor('both to have looked again', async () => {
      const rows = await state.rows(`select from leases where lease_until > talaria_now() + interval '9 seconds'`);
      return rows.length > 0;
    });
    await state.rows(
      'update cron_jobs set status_version = status_version + 1, status_urgent = true, status_written_at = null',
    );
    await waitFor('the version to be looked at', async () => {
      const rows = await state.rows('select from cron_jobs where status_version = status_written');
      return rows.length > 0;
    });
    expect(writes).toHaveLength(1);
  });
});
