import type { ConfigMap, Secret } from '../core/kube/resources.ts';
import type { KubeObject } from '../core/kube/types.ts';
import { canonicalJson } from '../core/lib/json.ts';
import type { Kind } from '../crds/common.ts';
import type { ObjectOf } from '../crds/rules.ts';
import { shardNames } from './credentials.ts';
import { declare, declareConfigMap, declareSecret, runAtAnnotation } from './declare.ts';
import type { Declared, Resources } from './resources.ts';
import type { Watch } from './watch.ts';

/** Reads the copies of the namespace into what translate takes. An object that means the same stays the same value. */
export function createGather(
  watch: Pick<Watch, 'declared' | 'secrets' | 'configMaps'>,
  breathe: () => Promise<void>,
): () => Promise<Resources> {
  const declared = <K extends Kind>(kind: K) =>
    keeper<Declared<ObjectOf[K]>>(async (raw) => {
      await breathe();
      const value = await declare(kind, raw);
      keepOneSpec(raw, value);
      return value;
    }, isUnchanged);
  const [agents, routes, cronJobs] = [declared('Agent'), declared('Route'), declared('CronJob')];
  const secrets = keeper(async (raw: Secret) => declareSecret(raw), hasSameData);
  const configMaps = keeper(async (raw: ConfigMap) => declareConfigMap(raw), hasSameData);
  return async () => ({
    agents: await agents(watch.declared.Agent.list()),
    routes: await routes(watch.declared.Route.list()),
    cronJobs: await cronJobs(watch.declared.CronJob.list()),
    secrets: await secrets(watch.secrets.list().filter(({ metadata }) => !shardNames.includes(metadata.name))),
    configMaps: await configMaps(watch.configMaps.list()),
  });
}

/**
 * There are thousands of specs, and the watch needs its copy no more: from now on it holds the one that was read, which
 * reads the same again.
 */
function keepOneSpec(raw: KubeObject, { spec }: Declared<{ readonly spec: object }>): void {
  if (spec !== undefined) Reflect.set(raw, 'spec', spec);
}

/** Whether a change of an Agent, Route or CronJob can matter to translate: status and managed fields cannot. */
export function isUnchanged(before: KubeObject, after: KubeObject): boolean {
  const [a, b] = [before.metadata, after.metadata];
  return (
    a.uid === b.uid &&
    a.generation === b.generation &&
    a.deletionTimestamp === b.deletionTimestamp &&
    a.annotations?.[runAtAnnotation] === b.annotations?.[runAtAnnotation]
  );
}

/** Whether a change of a Secret or a ConfigMap leaves its values, labels and annotations as they were. */
export function hasSameData(before: Secret | ConfigMap, after: Secret | ConfigMap): boolean {
  const essence = ({ metadata: { uid, deletionTimestamp, labels, annotations }, data }: Secret | ConfigMap) =>
    canonicalJson({ uid, deletionTimestamp, labels, annotations, data });
  return essence(before) === essence(after);
}

/**
 * Makes a value of each object, and keeps it while the object is the same or means the same; while all of them are, it
 * gives the same list. What is being deleted is gone, however long a foreign finalizer holds it.
 */
function keeper<V, T extends KubeObject = KubeObject>(
  make: (raw: T) => Promise<V>,
  meansTheSame: (before: T, after: T) => boolean,
): (objects: readonly T[]) => Promise<readonly V[]> {
  const known = new Map<string, { readonly raw: T; readonly value: V }>();
  let values: readonly V[] = [];
  return async (objects) => {
    let changed = false;
    let count = 0;
    for (const raw of objects) {
      const { name, deletionTimestamp } = raw.metadata;
      if (deletionTimestamp !== undefined) continue;
      count += 1;
      const before = known.get(name);
      if (before?.raw === raw) continue;
      const same = before !== undefined && meansTheSame(before.raw, raw);
      known.set(name, { raw, value: same ? before.value : await make(raw) });
      changed ||= !same;
    }
    if (known.size > count) forgetAllBut(objects);
    else if (!changed) return values;
    values = [...known.values()].map(({ value }) => value);
    return values;
  };

  function forgetAllBut(objects: readonly T[]): void {
    const present = objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const names = new Set(present.map(({ metadata }) => metadata.name));
    for (const name of known.keys()) if (!names.has(name)) known.delete(name);
  }
}
