import type { KubeClient } from '../core/kube/types.ts';
import { systemClock } from '../core/lib/clock.ts';
import { createLogger } from '../core/lib/log.ts';
import { createAcknowledger } from '../gateway/config/acknowledge.ts';
import { createClusterSource } from '../gateway/config/cluster-source.ts';
import { waitFor } from '../test/harness/wait-for.ts';

/** The part of a gateway that takes snapshots and acknowledges them, in this process. */
export interface Replica {
  /** Of the newest snapshot; 0 before the first. */
  readonly sequence: () => number;
  /** Resolves with the times (`performance.now`) when a later one is taken and the API server has the acknowledgement. */
  readonly beyond: (sequence: number) => Promise<{ readonly takenAt: number; readonly acknowledgedAt: number }>;
  readonly stop: () => Promise<void>;
}

/** Starts it; there need not be a snapshot yet. */
export function startReplica(client: KubeClient): Replica {
  const clock = systemClock;
  const log = createLogger('bench', 'silent');
  let sequence = 0;
  let takenAt = 0;
  let acknowledgedAt = 0;
  const apply: KubeClient['apply'] = async (...call) => {
    const answer = await client.apply(...call);
    acknowledgedAt = performance.now();
    return answer;
  };
  const acknowledger = createAcknowledger({ client: { ...client, apply }, podName: 'gateway', log, clock });
  const source = createClusterSource({ client, log, clock });
  void source.start(async ({ snapshot }) => {
    sequence = snapshot.sequence;
    takenAt = performance.now();
    acknowledger.serving(sequence, snapshot.revision);
  });
  return {
    sequence: () => sequence,
    beyond: async (old) => {
      const newer = () => sequence > old && acknowledgedAt > takenAt;
      await waitFor('a newer snapshot', newer, { intervalMs: 1, timeoutMs: 60_000 });
      return { takenAt, acknowledgedAt };
    },
    stop: async () => {
      await source.stop();
      await acknowledger.stop();
    },
  };
}
