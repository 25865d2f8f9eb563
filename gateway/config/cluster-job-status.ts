import { hasStatus, isConflict } from '../../core/kube/kube-error.ts';
import { cronJobs } from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { JobStatusSink } from './source.ts';

const writeDeadlineMs = 5_000;

/**
 * Writes the gateways' part of a CronJob's status by server-side apply; fields that are absent are removed. The client's
 * field manager must be the one that all gateway replicas share. A CronJob that is gone, or that was made again under
 * its old name, is left alone. Any other failure rejects with a KubeError.
 */
export function createClusterJobStatus(client: Pick<KubeClient, 'applyStatus'>, log: Logger): JobStatusSink {
  return {
    writeJobStatus: async ({ name, uid }, status) => {
      const object = { metadata: { name, uid }, status };
      try {
        await client.applyStatus(cronJobs, object, { deadlineMs: writeDeadlineMs });
      } catch (error) {
        if (!hasStatus(error, 404) && !isConflict(error)) throw error;
        log.debug({ err: error, cronJob: name }, 'a CronJob is gone, its status is not written');
      }
    },
  };
}
