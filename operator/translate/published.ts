import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import type { AgentVolume, Resources } from '../resources.ts';
import type { SourceLookups } from './candidate.ts';

/** What the gateways were given last. */
export interface Published {
  readonly content: SnapshotContent;
  /** Key of `credentialName`: random, made once for an installation, kept beside the values. */
  readonly versionKey: string;
  /** The content was just read, so that it is only a copy: equal entries that are made anew take its place. */
  readonly isCopy?: boolean;
}

/** Nothing yet. */
export const emptyContent: SnapshotContent = { agents: [], routes: [], jobs: [], gatewayKeys: [], texts: {} };

/** The questions that an entry may ask, answered by what is there and what is published. */
export function sourceLookups(
  { secrets, configMaps, volumes = noVolumes }: Resources,
  { content, versionKey }: Published,
): SourceLookups {
  return {
    secret: (name) => byName(secrets).get(name),
    configMap: (name) => byName(configMaps).get(name),
    volume: (agent) => byAgent(volumes).get(agent),
    publishedAgent: (uid) => byUid(content.agents).get(uid),
    publishedRoute: (uid) => byUid(content.routes).get(uid),
    publishedJob: (uid) => byUid(content.jobs).get(uid),
    publishedKey: (uid) => byUid(content.gatewayKeys).get(uid),
    publishedText: (hash) => content.texts[hash],
    versionKey: () => versionKey,
  };
}

const noVolumes: readonly AgentVolume[] = [];
const byAgent = indexedBy<{ readonly agent: string }>(({ agent }) => agent);
const byUid = indexedBy<{ readonly uid: string }>(({ uid }) => uid);
const byName = indexedBy<{ readonly name: string }>(({ name }) => name);

/** Indexes a list when it is first asked about; the index is remembered with the list. */
function indexedBy<Keyed extends object>(keyOf: (item: Keyed) => string) {
  const indexes = new WeakMap<readonly object[], ReadonlyMap<string, object>>();
  return <T extends Keyed>(list: readonly T[]): ReadonlyMap<string, T> => {
    const known = indexes.get(list) as ReadonlyMap<string, T> | undefined;
    if (known !== undefined) return known;
    const index = new Map(list.map((item) => [keyOf(item), item]));
    indexes.set(list, index);
    return index;
  };
}
