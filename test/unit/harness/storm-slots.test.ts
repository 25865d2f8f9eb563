import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { stormJobs } from '../../disruptive/storm/jobs.ts';
import { readSlotAccounts } from '../../disruptive/storm/slots.ts';
import type { LoggedTurn } from '../../disruptive/storm/turn-log.ts';

const jobs = stormJobs({ jobs: 1, agents: 1, everySeconds: 10, busyJobs: 0 }).map((job) => ({
  ...job,
  jitterSeconds: 0,
}));
const anchor = Date.UTC(2030, 0, 1);
const at = (seconds: number) => new Date(anchor + seconds * 1_000);

const seen = [{ uid: 'uid-of-job-0', anchor: at(0) }];
const started = (seconds: number) => ({
  job_uid: 'uid-of-job-0',
  slot: at(seconds),
  outcome: 'Started',
  reason: '',
  decided_at: at(seconds + 0.1),
});
const run = (id: string, seconds: number, agent = 'agent-0') => ({
  id,
  job_uid: 'uid-of-job-0',
  agent,
  slot: at(seconds),
  status: 'completed',
  wait: '1',
  took: '2',
});
const turn = (id: string, beganAt: number, endedAt?: number): LoggedTurn => ({
  run: id,
  agent: 'agent-0',
  pid: 7,
  beganAt,
  endedAt,
});
const good = {
  occurrences: [started(10), started(20)],
  gaps: [] as object[],
  runs: [run('a', 10), run('b', 20)],
  turns: [turn('a', 1, 2), turn('b', 3, 4)],
};

/** The accounts of a job with two slots, read from rows that are given. */
async function accounts(change: Partial<typeof good> = {}) {
  const { occurrences, gaps, runs, turns } = { ...good, ...change };
  const tables = { 'from cron_jobs': seen, 'from occurrences': occurrences, 'from gaps': gaps, 'from runs': runs };
  const query = async (text: string) => ({
    rows: Object.entries(tables).find(([name]) => text.includes(name))?.[1] ?? [],
  });
  const pool = { query } as unknown as pg.Pool;
  const outages = [{ from: anchor + 15_000, to: anchor + 16_000 }];
  return await readSlotAccounts({ pool, jobs, until: anchor + 25_000, turns, kills: new Map([[7, 9]]), outages });
}

describe('the accounts of a storm', () => {
  it('find nothing where every slot started once', async () => {
    expect(await accounts()).toMatchObject({
      slots: 2,
      started: 2,
      notOneOutcome: 0,
      doubles: 0,
      otherAgent: 0,
      overlaps: 0,
      startedShare: 1,
      startDelayMs: { p50: 100, p99: 100, max: 100 },
    });
  });

  it('find a slot without an outcome, and one with two', async () => {
    expect(await accounts({ occurrences: [started(10)] })).toMatchObject({ notOneOutcome: 1, startedShare: 0.5 });
    const gap = { job_uid: 'uid-of-job-0', from_time: at(10), to_time: at(20), reason: 'Coalesced' };
    expect(await accounts({ gaps: [gap] })).toMatchObject({ notOneOutcome: 1 });
    expect(await accounts({ occurrences: [started(10)], gaps: [gap] })).toMatchObject({
      notOneOutcome: 0,
      missed: { Coalesced: 1 },
    });
  });

  it('find a slot with two runs, and a run that began twice', async () => {
    expect(await accounts({ runs: [...good.runs, run('c', 20)] })).toMatchObject({ doubles: 1 });
    expect(await accounts({ turns: [...good.turns, turn('b', 5, 6)] })).toMatchObject({ doubles: 1 });
  });

  it('find a run, and a turn, of another agent', async () => {
    expect(await accounts({ runs: [run('a', 10), run('b', 20, 'agent-1')] })).toMatchObject({ otherAgent: 1 });
    const stranger = { ...turn('b', 3, 4), agent: 'agent-1' };
    expect(await accounts({ turns: [turn('a', 1, 2), stranger] })).toMatchObject({ otherAgent: 1 });
  });

  it('find runs that overlap, those that were killed too', async () => {
    expect(await accounts({ turns: [turn('a', 1, 4), turn('b', 3, 5)] })).toMatchObject({ overlaps: 1 });
    expect(await accounts({ turns: [turn('a', 1), turn('b', 8, 10)] })).toMatchObject({ overlaps: 1 });
    expect(await accounts({ turns: [turn('a', 1), turn('b', 9, 10)] })).toMatchObject({ overlaps: 0 });
  });
});
