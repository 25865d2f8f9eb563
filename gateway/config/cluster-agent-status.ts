import { hasStatus } from '../../core/kube/kube-error.ts';
import { agents } from '../../core/kube/resources.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { AgentStatusSink } from './source.ts';

const writeDeadlineMs = 5_000;

/**
 * Writes the gateways' part of an Agent's status as `createClusterJobStatus` writes that of a CronJob, with the same
 * promises: one that is gone is left alone, and only Agents of the Table in force may be asked for.
 */
export function createClusterAgentStatus(client: Pick<KubeClient, 'applyStatus'>, log: Logger): AgentStatusSink {
  return {
    writeAgentStatus: async ({ name }, status) => {
      const object = { metadata: { name }, status };
      try {
        await client.applyStatus(agents, object, { deadlineMs: writeDeadlineMs });
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
        log.debug({ err: error, agent: name }, 'an Agent is gone, its status is not written');
      }
    },
  };
}
