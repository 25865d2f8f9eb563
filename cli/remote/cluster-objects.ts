import type { z } from 'zod';
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

/** What stands in the column READY: the state of the condition of that name, or `Suspended`. */
export function readyCell({ status }: Pick<StoredAgent | StoredRoute | StoredCronJob, 'status'>): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.reason === 'Suspended' ? 'Suspended' : (ready?.status ?? 'Unknown');
}
