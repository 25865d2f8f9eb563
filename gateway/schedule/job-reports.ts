import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { JobReport } from '../config/job-report.ts';
import type { JobStatusSink } from '../config/source.ts';

type Job = Parameters<JobStatusSink['report']>[0];

/** Tells people what happened to CronJobs, not more often than they can read. */
export interface JobReports {
  /** What happened since the last note of the job. */
  readonly note: (job: Job, report: JobReport) => void;
  /** Sends what was noted: one report of a kind per job in 30 s, which holds all that was noted until then. */
  readonly send: () => Promise<void>;
}

const pauseMs = 30_000;

/** Makes JobReports. One that cannot be written is logged and dropped: status and metric tell the same. */
export function createJobReports(sink: JobStatusSink, clock: Clock, log: Logger): JobReports {
  const waiting = new Map<string, { readonly job: Job; readonly report: JobReport }>();
  const sentAt = new Map<string, number>();

  const send = async (key: string, job: Job, report: JobReport): Promise<void> => {
    waiting.delete(key);
    sentAt.set(key, clock.monotonic());
    try {
      await sink.report(job, report);
    } catch (error) {
      log.warn({ cronJob: job.name, report: report.kind, err: error }, 'a report about a CronJob could not be written');
    }
  };

  return {
    note: (job, report) => {
      const key = `${job.uid}/${report.kind}`;
      waiting.set(key, { job, report: joined(waiting.get(key)?.report, report) });
    },
    send: async () => {
      const limit = clock.monotonic() - pauseMs;
      for (const [key, at] of sentAt) if (at <= limit) sentAt.delete(key);
      const due = [...waiting].filter(([key]) => !sentAt.has(key));
      await Promise.all(due.map(([key, { job, report }]) => send(key, job, report)));
    },
  };
}

/** What is counted adds up; of anything else the newest holds. */
function joined(before: JobReport | undefined, report: JobReport): JobReport {
  if (before === undefined || !('count' in before) || !('count' in report)) return report;
  return { ...report, count: before.count + report.count };
}
