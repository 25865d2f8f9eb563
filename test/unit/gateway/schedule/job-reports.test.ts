import { expect, it } from 'vitest';
import { createLogger } from '../../../../core/lib/log.ts';
import type { JobReport } from '../../../../gateway/config/job-report.ts';
import type { JobStatusSink } from '../../../../gateway/config/source.ts';
import { createJobReports } from '../../../../gateway/schedule/job-reports.ts';

const log = createLogger('test', 'silent');
const job = { name: 'nightly', uid: 'uid-1' };
const other = { name: 'hourly', uid: 'uid-2' };
const missed = (count: number, reason = 'Forbid'): JobReport => ({
  kind: 'missed',
  count,
  reason,
  lastSlot: new Date(0),
});

/** Reports at a time that the test sets, and what was written. */
function reporting(failing = false) {
  const told: string[] = [];
  const time = { ms: 0 };
  const sink: JobStatusSink = {
    writeJobStatus: async () => undefined,
    report: async ({ name }, report) => {
      const { kind } = report;
      told.push(kind === 'missed' ? `${name} ${report.count} ${report.reason}` : `${name} ${kind}`);
      if (failing) throw new Error('the API server is away');
    },
  };
  const clock = { now: () => time.ms, monotonic: () => time.ms };
  return { reports: createJobReports(sink, clock, log), told, time };
}

it('the first miss of a job is reported at once, the next ones together after 30 s', async () => {
  const { reports, told, time } = reporting();
  reports.note(job, missed(1));
  await reports.send();
  reports.note(job, missed(2));
  reports.note(job, missed(3, 'Deadline'));
  time.ms = 29_999;
  await reports.send();
  expect(told).toEqual(['nightly 1 Forbid']);
  time.ms = 30_000;
  await reports.send();
  await reports.send();
  expect(told).toEqual(['nightly 1 Forbid', 'nightly 5 Deadline']);
});

it('one job does not hold up another', async () => {
  const { reports, told } = reporting();
  reports.note(job, missed(1));
  await reports.send();
  reports.note(other, missed(2));
  await reports.send();
  expect(told).toEqual(['nightly 1 Forbid', 'hourly 2 Forbid']);
});

it('reports of different kinds do not hold up each other, and of what is not counted the newest holds', async () => {
  const { reports, told, time } = reporting();
  reports.note(job, { kind: 'halted', by: 'Manual' });
  reports.note(job, missed(1));
  await reports.send();
  expect(told).toEqual(['nightly halted', 'nightly 1 Forbid']);
  reports.note(job, { kind: 'halted', by: 'Failures' });
  reports.note(job, { kind: 'halted', by: 'Manual' });
  time.ms = 30_000;
  await reports.send();
  expect(told.slice(2)).toEqual(['nightly halted']);
});

it('a report that cannot be written is dropped, and the work goes on', async () => {
  const { reports, told, time } = reporting(true);
  reports.note(job, missed(1));
  await reports.send();
  time.ms = 60_000;
  await reports.send();
  expect(told).toEqual(['nightly 1 Forbid']);
});
