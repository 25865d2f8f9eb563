import { hasStatus } from '../../core/kube/kube-error.ts';
import { cronJobs } from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import type { Logger } from '../../core/lib/log.ts';
import { classOfReport, describeReport } from './job-report.ts';
import type { JobStatusSink } from './source.ts';

const writeDeadlineMs = 5_000;

/**
 * Writes the gateways' part of a CronJob's status by server-side apply, and reports as Events; fields that are absent are
 * removed. The client's field manager must be the one that all gateway replicas share. A CronJob that is gone is left alone; any other failure
 * rejects with a KubeError. The API server compares no uid in an apply of a status, so ask only for CronJobs of the
 * Table in force: a former one of the same name would be taken for the present one.
 */
export function createClusterJobStatus(
  client: Pick<KubeClient, 'applyStatus' | 'createEvent'>,
  log: Logger,
): JobStatusSink {
  return {
    writeJobStatus: async ({ name }, status) => {
      const object = { metadata: { name }, status };
      try {
        await client.applyStatus(cronJobs, object, { deadlineMs: writeDeadlineMs });
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
        log.debug({ err: error, cronJob: name }, 'a CronJob is gone, its status is not written');
      }
    },
    report: async ({ name, uid }, report) => {
      const regarding = { apiVersion: 'talaria.dev/v1alpha1', kind: 'CronJob', name, uid };
      await client.createEvent({
        regarding,
        ...classOfReport(report),
        action: 'Schedule',
        note: describeReport(report),
      });
    },
  };
}
