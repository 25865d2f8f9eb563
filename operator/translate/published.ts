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
  const { agents, routes, jobs, gatewayKeys } = indexOf(content);
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

const indexes = new WeakMap<SnapshotContent, ReturnType<typeof buildIndex>>();

function indexOf(content: SnapshotContent): ReturnType<typeof buildIndex> {
  const known = indexes.get(content) ?? buildIndex(content);
  indexes.set(content, known);
  return known;
}

function buildIndex({ agents, routes, jobs, gatewayKeys }: SnapshotContent) {
  return { agents: byUid(agents), routes: byUid(routes), jobs: byUid(jobs), gatewayKeys: byUid(gatewayKeys) };
}

function byUid<E extends { readonly uid: string }>(entries: readonly E[]): ReadonlyMap<string, E> {
  return new Map(entries.map((entry) => [entry.uid, entry]));
}
