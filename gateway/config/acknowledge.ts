import { after, createCoalescingLoop, type Outcome } from '../../core/kube/controller.ts';
import { microTime } from '../../core/kube/micro-time.ts';
import { leases } from '../../core/kube/resources.ts';
import type { KubeClient, OwnerReference } from '../../core/kube/types.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import {
  acknowledgementDurationSeconds,
  acknowledgementLeaseName,
  revisionAnnotation,
  sequenceAnnotation,
} from '../../core/snapshot/acknowledgement.ts';

/** Tells the operator which snapshot this replica serves, by a Lease that lives as long as the replica does. */
export interface Acknowledger {
  /**
   * Call it after each swap. The Lease is written at once; calls during a write are one more write, of the last. The
   * Lease does not exist before the first call.
   */
  readonly serving: (sequence: number, revision: string) => void;
  /** Ends the renewals and deletes the Lease, so that the operator no longer waits for this replica. */
  readonly stop: () => Promise<void>;
}

export interface AcknowledgerOptions {
  readonly client: Pick<KubeClient, 'apply' | 'delete'>;
  readonly podName: string;
  /** Makes the Lease go with the Pod; absent where there is none. */
  readonly podUid?: string | undefined;
  readonly log: Logger;
  readonly clock: Clock;
}

const renewMs = 10_000;
/** A write must fit into the Lease's duration several times. */
const writeDeadlineMs = 5_000;

export function createAcknowledger(options: AcknowledgerOptions): Acknowledger {
  const { client, podName, log, clock } = options;
  const name = acknowledgementLeaseName(podName);
  let served: { readonly sequence: number; readonly revision: string } | undefined;

  const write = async (signal: AbortSignal): Promise<Outcome> => {
    if (served === undefined) return after(renewMs);
    const { sequence, revision } = served;
    const metadata = {
      name,
      annotations: { [sequenceAnnotation]: String(sequence), [revisionAnnotation]: revision },
      ownerReferences: ownerOf(podName, options.podUid),
    };
    const spec = {
      holderIdentity: podName,
      leaseDurationSeconds: acknowledgementDurationSeconds,
      renewTime: microTime(clock.now()),
    };
    await client.apply(leases, { metadata, spec }, { signal, deadlineMs: writeDeadlineMs });
    return after(renewMs * (0.8 + Math.random() * 0.4));
  };

  const loop = createCoalescingLoop({ name: 'acknowledge', run: write, log, backoffMaxMs: 5_000 });
  loop.start();

  return {
    serving: (sequence, revision) => {
      served = { sequence, revision };
      loop.trigger();
    },
    stop: async () => {
      await loop.stop();
      if (served === undefined) return;
      await client.delete(leases, name, { deadlineMs: writeDeadlineMs }).catch((error: unknown) => {
        log.warn({ err: error }, 'cannot delete the acknowledgement; it expires by itself');
      });
    },
  };
}

function ownerOf(podName: string, podUid: string | undefined): readonly OwnerReference[] {
  return podUid === undefined ? [] : [{ apiVersion: 'v1', kind: 'Pod', name: podName, uid: podUid }];
}
