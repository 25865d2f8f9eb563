import type { ConditionReason } from '../../core/conditions.ts';
import type { KubeObject } from '../../core/kube/types.ts';
import { type Complaint, complaintsOf, cureOf } from '../complaints.ts';
import { type Finding, findings, sentence } from './finding.ts';
import { type Reading, unread } from './reading.ts';
import type { KubeCondition } from './workload-objects.ts';

/** An Agent, a Route or a CronJob, as far as it is looked at. */
export interface StoredObject extends KubeObject {
  readonly spec?: {
    readonly model?: { readonly baseURL?: string; readonly fallbacks?: readonly { readonly baseURL?: string }[] };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly KubeCondition[];
    readonly accounts?: readonly { readonly name: string; readonly ready: boolean; readonly message?: string }[];
  };
}

/** Objects by their kind. */
export type ObjectFacts = readonly { readonly kind: string; readonly objects: Reading<readonly StoredObject[]> }[];

/** What the conditions of Agents, Routes and CronJobs complain of. */
export function judgeObjects(kinds: ObjectFacts): readonly Finding[] {
  return kinds.flatMap(({ kind, objects }) => {
    const check = `${kind}s`;
    if ('failure' in objects) return [unread(check, `The ${check}`, objects.failure)];
    const troubles = objects.value.flatMap((object) => troublesOf(kind, object));
    if (troubles.length === 0) return [findings(check).ok(countOf(objects.value.length))];
    return [...Map.groupBy(troubles, ({ reason }) => reason)].flatMap(([, same]) => shorten(check, same));
  });
}

interface Trouble {
  readonly reason: string;
  readonly level: 'warn' | 'fail';
  readonly cause: string;
  readonly cure: string;
}

const shownOfOneReason = 5;

function shorten(check: string, same: readonly Trouble[]): Finding[] {
  const shown = same.slice(0, shownOfOneReason).map(({ level, cause, cure }) => findings(check)[level](cause, cure));
  const [first] = same;
  if (first === undefined || same.length <= shownOfOneReason) return shown;
  const rest = `${same.length - shownOfOneReason} more with ${first.reason}.`;
  return [...shown, findings(check)[first.level](rest, first.cure)];
}

function countOf(count: number): string {
  return count === 0 ? 'there are none' : `${count}, none with a complaint`;
}

function troublesOf(kind: string, object: StoredObject): Trouble[] {
  const { name, generation = 0 } = object.metadata;
  const { observedGeneration = -1 } = object.status ?? {};
  const title = `${kind}/${name}`;
  if (observedGeneration < generation) {
    const cause = `${title}: the operator has not seen its newest generation.`;
    return [
      { reason: 'Unseen', level: 'fail', cause, cure: 'The findings about the operator and the leader say why.' },
    ];
  }
  return complaintsOf(object)
    .filter(({ condition }) => condition !== 'Limited')
    .flatMap((complaint) => troublesIn(title, complaint, object));
}

/** One for each broken account, where the complaint is about accounts. */
function troublesIn(title: string, complaint: Complaint, { status }: StoredObject): Trouble[] {
  const { condition, reason, message } = complaint;
  const level = ['Shadowed', 'Healthy'].includes(condition) ? 'warn' : 'fail';
  const broken = condition === 'AccountsReady' ? (status?.accounts ?? []).filter(({ ready }) => !ready) : [];
  const causes =
    broken.length > 0
      ? broken.map((account) => `${title}: account ${account.name}: ${account.message ?? 'not ready'}`)
      : [`${title}: ${message === '' ? reason : message}`];
  const cure = curesInFindings[reason as ConditionReason] ?? cureOf(complaint);
  return causes.map((cause) => ({
    reason,
    level,
    cause: `${cause} (${reason})`,
    cure: cure === '' ? '' : sentence(cure),
  }));
}

/** Where another finding says more than the cure that holds everywhere. */
const curesInFindings: Readonly<Partial<Record<ConditionReason, string>>> = {
  NoGateway: 'The findings about the gateway and its pods say why.',
  Pending: 'Wait a moment; the finding about the snapshot names a gateway that is behind.',
  VolumePending: 'The finding about the volume says what it waits for.',
};
