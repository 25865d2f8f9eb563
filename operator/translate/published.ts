import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Resources } from '../resources.ts';
import type { SourceLookups } from './candidate.ts';

/** What the gateways were given last. */
export interface Published {
  readonly content: SnapshotContent;
  /** Key of `credentialName`: random, made once for an installation, kept beside the values. */
  readonly versionKey: string;
}

/** Nothing yet. */
export const emptyContent: SnapshotContent = { agents: [], routes: [], jobs: [], gatewayKeys: [], texts: {} };

/** The questions that an entry may ask, answered by what is there and what is published. */
export function sourceLookups({ secrets, configMaps }: Resources, { content, versionKey }: Published): SourceLookups {
  const secretByName = new Map(secrets.map((secret) => [secret.name, secret]));
  const configMapByName = new Map(configMaps.map((configMap) => [configMap.name, configMap]));
  const [agents, routes, jobs] = [byUid(content.agents), byUid(content.routes), byUid(content.jobs)];
  const gatewayKeys = byUid(content.gatewayKeys);
  return {
    secret: (name) => secretByName.get(name),
    configMap: (name) => configMapByName.get(name),
    publishedAgent: (uid) => agents.get(uid),
    publishedRoute: (uid) => routes.get(uid),
    publishedJob: (uid) => jobs.get(uid),
    publishedKey: (uid) => gatewayKeys.get(uid),
    publishedText: (hash) => content.texts[hash],
    versionKey: () => versionKey,
  };
}

const indexes = new WeakMap<readonly object[], ReadonlyMap<string, object>>();

/** Remembered with the list. */
function byUid<E extends { readonly uid: string }>(entries: readonly E[]): ReadonlyMap<string, E> {
  const known = indexes.get(entries) as ReadonlyMap<string, E> | undefined;
  if (known !== undefined) return known;
  const index = new Map(entries.map((entry) => [entry.uid, entry]));
  indexes.set(entries, index);
  return index;
}
