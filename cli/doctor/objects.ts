import type { ConditionReason, ConditionType } from '../../core/conditions.ts';
import type { KubeObject } from '../../core/kube/types.ts';
import { type Finding, findings } from './finding.ts';
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
    const complaints = objects.value.flatMap((object) => complaintsOf(kind, object));
    if (complaints.length === 0) return [findings(check).ok(countOf(objects.value.length))];
    return [...Map.groupBy(complaints, ({ reason }) => reason)].flatMap(([, same]) => shorten(check, same));
  });
}

interface Complaint {
  readonly reason: string;
  readonly level: 'warn' | 'fail';
  readonly cause: string;
  readonly cure: string;
}

const shownOfOneReason = 5;

function shorten(check: string, same: readonly Complaint[]): Finding[] {
  const shown = same.slice(0, shownOfOneReason).map(({ level, cause, cure }) => findings(check)[level](cause, cure));
  const [first] = same;
  if (first === undefined || same.length <= shownOfOneReason) return shown;
  const rest = `${same.length - shownOfOneReason} more with ${first.reason}.`;
  return [...shown, findings(check)[first.level](rest, first.cure)];
}

function countOf(count: number): string {
  return count === 0 ? 'there are none' : `${count}, none with a complaint`;
}

function complaintsOf(kind: string, object: StoredObject): Complaint[] {
  const { name, generation = 0 } = object.metadata;
  const { observedGeneration = -1, conditions = [] } = object.status ?? {};
  if (observedGeneration < generation) {
    const cause = `${kind}/${name}: the operator has not seen its newest generation.`;
    return [
      { reason: 'Unseen', level: 'fail', cause, cure: 'The findings about the operator and the leader say why.' },
    ];
  }
  const rows = complaintRows.filter(({ type, status }) =>
    conditions.some((c) => c.type === type && c.status === status),
  );
  return rows.flatMap((row) => complaintsOfRow(`${kind}/${name}`, row, object));
}

/** What is a complaint when a condition has this status; Ready and Stalled only repeat the others. */
const complaintRows: readonly {
  readonly type: ConditionType;
  readonly status: 'True' | 'False';
  readonly level: 'warn' | 'fail';
}[] = [
  { type: 'Accepted', status: 'False', level: 'fail' },
  { type: 'ResolvedRefs', status: 'False', level: 'fail' },
  { type: 'ProfileReady', status: 'False', level: 'fail' },
  { type: 'Programmed', status: 'False', level: 'fail' },
  { type: 'AccountsReady', status: 'False', level: 'fail' },
  { type: 'Shadowed', status: 'True', level: 'warn' },
  { type: 'Healthy', status: 'False', level: 'warn' },
];

function complaintsOfRow(title: string, row: (typeof complaintRows)[number], { status }: StoredObject): Complaint[] {
  const { reason = '', message = '' } = status?.conditions?.find(({ type }) => type === row.type) ?? {};
  // Accepted says it already.
  if (row.type === 'Programmed' && reason === 'NotAccepted') return [];
  const broken = row.type === 'AccountsReady' ? (status?.accounts ?? []).filter(({ ready }) => !ready) : [];
  const causes =
    broken.length > 0
      ? broken.map((account) => `${title}: account ${account.name}: ${account.message ?? 'not ready'}`)
      : [`${title}: ${message === '' ? reason : message}`];
  const cure = cures[reason as ConditionReason] ?? '';
  return causes.map((cause) => ({ reason, level: row.level, cause: `${cause} (${reason})`, cure }));
}

/** Where the message of the condition does not hold the cure. */
const cures: Readonly<Partial<Record<ConditionReason, string>>> = {
  SnapshotFull: 'Remove objects that nobody needs, shorten texts, or give a part of them a namespace of its own.',
  TextsTooLarge: 'Shorten its instructions, skills and files to 256 KiB together.',
  InvalidSpec: 'Check it with: talaria validate FILE.',
  SecretNotFound: 'Create the Secret and label it talaria.dev/credentials=true.',
  SecretKeyNotFound: 'Add the key to the Secret.',
  AgentNotFound: 'Create the Agent, or name another one.',
  NoGateway: 'The findings about the gateway and its pods say why.',
  Pending: 'Wait a moment; the finding about the snapshot names a gateway that is behind.',
  AccountFailed: 'Correct the token in the Secret of the account, or what the message names.',
  VolumePending: 'The finding about the volume says what it waits for.',
  RuleUnreachable: 'Remove the rule, or move it before the one that always wins.',
  AnotherDefault: 'Leave `default: true` on one Agent.',
  RunFailed: 'See why with: talaria runs list --status failed.',
  SlotsMissed: 'See why with: talaria jobs show NAME.',
};
