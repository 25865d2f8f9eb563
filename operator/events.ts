import type { ConditionReason } from '../core/conditions.ts';
import type { EventFields, KubeClient } from '../core/kube/types.ts';
import { sha256 } from '../core/lib/hash.ts';
import type { Logger } from '../core/lib/log.ts';
import type { Kind } from '../crds/common.ts';
import type { LostEntry } from './lost-entries.ts';
import type { Condition } from './object-status.ts';
import type { KeyFault, ObjectReport } from './translate/report.ts';

/** Tells people what went wrong, in the Events of the namespace. A failed write is logged and not repeated. */
export interface EventRecorder {
  /** Warns of each condition of an object that became False, or is False for another reason than before. */
  readonly conditionsChanged: (
    report: Pick<ObjectReport, 'kind' | 'name' | 'uid'>,
    before: readonly Condition[],
    after: readonly Condition[],
  ) => void;
  /** Tells that an Agent got the claim that an earlier one of its name had left. */
  readonly claimAdopted: (agent: { readonly agent: string; readonly uid: string }, claim: string) => void;
  /** Warns of each object that serves no more because what was published of it is damaged. */
  readonly lastGoodLost: (lost: readonly LostEntry[]) => void;
  /** Warns of faulty gateway keys: each fault once while it lasts, also over restarts of this process. */
  readonly keyFaults: (faults: readonly KeyFault[]) => void;
}

/** The conditions whose loss is worth an Event. */
const warnedTypes = ['Accepted', 'ResolvedRefs', 'ProfileReady'];
/** Every new volume is pending for a while. */
const ordinary: ConditionReason<'ProfileReady'> = 'VolumePending';
const lostNote =
  'the published snapshot was damaged, and with it went the last accepted generation; nothing of the object is in force until its newest generation is accepted';

export function createEventRecorder(client: Pick<KubeClient, 'createEvent'>, log: Logger): EventRecorder {
  let reported: ReadonlySet<string> = new Set();

  const tell = (event: Omit<EventFields, 'action'>): void => {
    client
      .createEvent({ ...event, action: 'Reconcile' })
      .catch((error: unknown) => log.warn({ err: error, reason: event.reason }, 'cannot write an event'));
  };
  const warn = (regarding: EventFields['regarding'], reason: string, note: string, key?: string): void =>
    tell({ regarding, type: 'Warning', reason, note, key });

  return {
    conditionsChanged: ({ kind, name, uid }, before, after) => {
      const regarding = { apiVersion: 'talaria.dev/v1alpha1', kind: kind satisfies Kind, name, uid };
      for (const { type, status, reason, message } of after) {
        if (status !== 'False' || !warnedTypes.includes(type) || reason === ordinary) continue;
        const previous = before.find((condition) => condition.type === type);
        if (previous?.status !== 'False' || previous.reason !== reason) warn(regarding, reason, message);
      }
    },
    claimAdopted: ({ agent, uid }, claim) => {
      const regarding = { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', name: agent, uid };
      const note = `adopted PersistentVolumeClaim "${claim}", which an earlier Agent of this name had left`;
      tell({ regarding, type: 'Normal', reason: 'ClaimAdopted', note });
    },
    lastGoodLost: (lost) => {
      for (const { kind, name, uid } of lost) {
        warn({ apiVersion: 'talaria.dev/v1alpha1', kind, name, uid }, 'LastGoodLost', lostNote);
      }
    },
    keyFaults: (faults) => {
      const current = new Map(faults.map((fault) => [`${fault.uid} ${fault.message}`, fault]));
      for (const [id, { name, uid, message }] of current) {
        if (reported.has(id)) continue;
        warn({ apiVersion: 'v1', kind: 'Secret', name, uid }, 'GatewayKeyRejected', message, sha256(id).slice(0, 16));
      }
      reported = new Set(current.keys());
    },
  };
}
