import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { JobStatusSink, MissedSlots } from '../config/source.ts';

type Job = Parameters<JobStatusSink['reportMiss']>[0];

/** Tells people of missed slots, not more often than they can read. */
export interface MissReports {
  /** Slots that were missed since the last note of the job, the newest with its reason. */
  readonly note: (job: Job, missed: MissedSlots) => void;
  /** Reports what was noted: one report per job in 30 s, which holds all that was noted until then. */
  readonly send: () => Promise<void>;
}

const pauseMs = 30_000;

/** Makes MissReports. One that cannot be written is logged and dropped: status and metric tell the same. */
export function createMissReports(sink: JobStatusSink, clock: Clock, log: Logger): MissReports {
  const waiting = new Map<string, { readonly job: Job; readonly missed: MissedSlots }>();
  const reportedAt = new Map<string, number>();

  const report = async (uid: string, job: Job, missed: MissedSlots): Promise<void> => {
    waiting.delete(uid);
    reportedAt.set(uid, clock.monotonic());
    try {
      await sink.reportMiss(job, missed);
    } catch (error) {
      log.warn({ cronJob: job.name, err: error }, 'the report of missed slots could not be written');
    }
  };

  return {
    note: (job, missed) => {
      const before = waiting.get(job.uid)?.missed.count ?? 0;
      waiting.set(job.uid, { job, missed: { ...missed, count: before + missed.count } });
    },
    send: async () => {
      const limit = clock.monotonic() - pauseMs;
      for (const [uid, at] of reportedAt) if (at <= limit) reportedAt.delete(uid);
      const due = [...waiting].filter(([uid]) => !reportedAt.has(uid));
      await Promise.all(due.map(([uid, { job, missed }]) => report(uid, job, missed)));
    },
  };
}
