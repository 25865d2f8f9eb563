import type { z } from 'zod';
import { type ConditionReason, type ConditionType, conditionTable } from '../../core/conditions.ts';
import { agents, cronJobs, routes } from '../../core/kube/resources.ts';
import type { KubeClient, KubeObject, KubeResource } from '../../core/kube/types.ts';
import type { Agent } from '../../crds/agent.ts';
import type { CronJob } from '../../crds/cron-job.ts';
import type { Route } from '../../crds/route.ts';
import { Refused } from './failures.ts';

/** An object of Talaria as the API server has it: as it was written, and with a status once the operator saw it. */
type Stored<T extends { readonly status: unknown }> = KubeObject & {
  readonly spec?: unknown;
  readonly status?: Partial<T['status']>;
};

export type StoredAgent = Stored<Agent>;
export type StoredRoute = Stored<Route>;
export type StoredCronJob = Stored<CronJob>;

export const storedAgents = agents as KubeResource<StoredAgent>;
export const storedRoutes = routes as KubeResource<StoredRoute>;
export const storedCronJobs = cronJobs as KubeResource<StoredCronJob>;

/** Every object of a kind. As kubectl shows them: without the record of who wrote which field. */
export async function listStored<T extends KubeObject>(
  cluster: Pick<KubeClient, 'list'>,
  resource: KubeResource<T>,
): Promise<readonly T[]> {
  return (await cluster.list(resource)).items.map(withoutManagedFields);
}

/** One object. Throws Refused when there is none. */
export async function readStored<T extends KubeObject>(
  cluster: Pick<KubeClient, 'get' | 'namespace'>,
  resource: KubeResource<T>,
  name: string,
): Promise<T> {
  const object = await cluster.get(resource, name);
  if (object !== undefined) return withoutManagedFields(object);
  const { kind, plural } = resource;
  throw new Refused(
    `there is no ${kind} ${name} in ${cluster.namespace}. "talaria ${plural} list" lists those that are.`,
  );
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  return { ...object, metadata: { ...object.metadata, managedFields: undefined } };
}

/** What an object says, with every default; undefined when it does not fit the schema of this version. */
export function specOf<S extends z.ZodType>(
  { shape }: { readonly shape: { readonly spec: S } },
  { spec = {} }: { readonly spec?: unknown },
): z.output<S> | undefined {
  return shape.spec.safeParse(spec).data;
}

/** A condition that a person should read. */
export interface Complaint {
  readonly condition: string;
  readonly reason: string;
  readonly message: string;
}

type Conditioned = Pick<StoredAgent | StoredRoute | StoredCronJob, 'status'>;

/** What stands in the column READY: the state of the condition of that name, or `Suspended`. */
export function readyCell({ status }: Conditioned): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.reason === 'Suspended' ? 'Suspended' : (ready?.status ?? 'Unknown');
}

/**
 * The conditions of an object that complain: those that are False, and those that are there only when something is amiss.
 * The ones that sum up others are left out.
 */
export function complaintsOf({ status }: Conditioned): readonly Complaint[] {
  const conditions = status?.conditions ?? [];
  return conditions
    .filter(({ type, status }) => !summaries.has(type) && status === (onlyWhenAmiss(type) ? 'True' : 'False'))
    .map(({ type, reason, message = '' }) => ({ condition: type, reason, message }));
}

const summaries: ReadonlySet<string> = new Set<ConditionType>(['Ready', 'Stalled', 'Reconciling', 'Scheduled']);

function onlyWhenAmiss(type: string): boolean {
  return Object.hasOwn(conditionTable, type) && conditionTable[type as ConditionType].status === 'True only';
}

/** What to do about a condition's reason; '' where its message says enough. */
export function cureOf(reason: string): string {
  return cures[reason as ConditionReason] ?? '';
}

const cures: Partial<Readonly<Record<ConditionReason, string>>> = {
  InvalidSpec: 'apply the CustomResourceDefinitions of this version, then the object again',
  SnapshotFull: 'remove objects that nobody needs, or shorten texts',
  TextsTooLarge: 'shorten instructions, skills and files to 256 KiB together',
  AgentNotFound: 'add the Agent, or name another',
  SecretNotFound: 'make the Secret in the same namespace, labelled talaria.dev/credentials=true',
  SecretKeyNotFound: 'add the key to the Secret, or name the key that it has',
  SecretNotLabeled: 'kubectl label secret NAME talaria.dev/credentials=true',
  SecretNotAllowed: 'have the owner of the Secret add the Agent or the host to its annotations',
  ConfigMapNotFound: 'make the ConfigMap in the same namespace, labelled talaria.dev/source=true',
  ConfigMapKeyNotFound: 'add the key to the ConfigMap, or name the key that it has',
  ConfigMapNotLabeled: 'kubectl label configmap NAME talaria.dev/source=true',
  AccountNotFound: 'add the account to its Agent, or name another',
  AccountNotShared: 'set shared: true on the account, or use an account of the Agent itself',
  ChatNotRouted: 'add a rule that gives the chat to the Agent of the CronJob',
  CronJobNotFound: 'name a CronJob of the same Agent',
  NoGateway: 'see why no gateway runs: kubectl get pods -l app.kubernetes.io/component=gateway',
  Pending: 'wait; when it lasts, see the logs of the gateways',
  VolumePending: 'see the claim: kubectl describe pvc',
  RuleUnreachable: 'remove the rule, or give its Route a higher priority',
  AnotherDefault: 'set default: false on all Agents but one',
  AccountFailed: 'mend the Secret of the account',
  RunFailed: 'see the newest runs: talaria runs list --job NAME',
  SlotsMissed: 'see which: talaria jobs show NAME',
};
