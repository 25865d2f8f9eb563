import { type ConditionReason, type ConditionType, conditionTable } from '../core/conditions.ts';

/** A condition that a person should read. */
export interface Complaint {
  readonly condition: string;
  readonly reason: string;
  /** '' where only the reason is known. */
  readonly message: string;
}

interface Conditioned {
  readonly status?:
    | {
        readonly conditions?:
          | readonly {
              readonly type: string;
              readonly status: string;
              readonly reason?: string;
              readonly message?: string | undefined;
            }[]
          | undefined;
      }
    | undefined;
}

/**
 * The conditions of an Agent, a Route or a CronJob that complain: those that are False, and those that are there only when
 * something is amiss. What only repeats another condition is left out.
 */
export function complaintsOf({ status }: Conditioned): readonly Complaint[] {
  return (status?.conditions ?? [])
    .filter(({ type, status }) => !summaries.has(type) && status === (onlyWhenAmiss(type) ? 'True' : 'False'))
    .filter(({ type, reason }) => !(type === 'Programmed' && reason === 'NotAccepted'))
    .map(({ type, reason = '', message = '' }) => ({ condition: type, reason, message }));
}

const summaries: ReadonlySet<string> = new Set<ConditionType>(['Ready', 'Stalled', 'Reconciling', 'Scheduled']);

function onlyWhenAmiss(type: string): boolean {
  return Object.hasOwn(conditionTable, type) && conditionTable[type as ConditionType].status === 'True only';
}

type Told = Pick<Complaint, 'reason' | 'message'>;

/** `<head>; <message>; <cure>`, without what is empty. */
export function complaintText(head: string, told: Told): string {
  return [head, told.message, cureOf(told)].filter((part) => part !== '').join('; ');
}

/** What to do about a complaint; '' where its message says enough. */
export function cureOf({ reason, message }: Told): string {
  const cure = cures[reason as ConditionReason];
  return cure ?? (message === '' ? (curesInMessages[reason as ConditionReason] ?? '') : '');
}

type Cures = Readonly<Partial<Record<ConditionReason, string>>>;

const cures: Cures = {
  InvalidSpec: 'apply the CustomResourceDefinitions of this version, then mend the object: talaria validate FILE',
  SnapshotFull: 'remove objects that nobody needs, shorten texts, or give a part of them a namespace of its own',
  TextsTooLarge: 'shorten instructions, skills and files to 256 KiB together',
  AgentNotFound: 'create the Agent, or name another',
  SecretNotFound: 'create the Secret in the same namespace, labelled talaria.dev/credentials=true',
  SecretKeyNotFound: 'add the key to the Secret, or name the key that it has',
  ConfigMapKeyNotFound: 'add the key to the ConfigMap, or name the key that it has',
  AccountNotFound: 'add the account to its Agent, or name another',
  CronJobNotFound: 'name a CronJob of the same Agent',
  NoGateway: 'see why no gateway runs: kubectl get pods -l app.kubernetes.io/component=gateway',
  Pending: 'wait; when it lasts, see the logs of the gateways',
  VolumePending: 'see the claim: kubectl describe pvc',
  RuleUnreachable: 'remove the rule, or put it before the one that always wins',
  AnotherDefault: 'leave default: true on one Agent',
  AccountFailed: 'correct the token in the Secret of the account, or what the message names',
  RunFailed: 'see the newest runs: talaria runs list --job NAME',
  SlotsMissed: 'see which: talaria jobs show NAME',
};

/** Of reasons whose messages hold the cure, for those who know only the reason. */
const curesInMessages: Cures = {
  SecretNotLabeled: 'label it: kubectl label secret NAME talaria.dev/credentials=true',
  SecretNotAllowed: 'have the owner of the Secret add the Agent or the host to its annotations',
  ConfigMapNotFound: 'create the ConfigMap in the same namespace, labelled talaria.dev/source=true',
  ConfigMapNotLabeled: 'label it: kubectl label configmap NAME talaria.dev/source=true',
};
