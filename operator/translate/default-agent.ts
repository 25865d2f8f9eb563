import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { Declared } from '../resources.ts';
import { reused, type Settled } from './proposal.ts';

type SettledAgent = Settled<Declared<Agent>, AgentEntry>;

/** Lets at most one Agent be the default: of those that ask for it the oldest, then the first by name. */
export function withOneDefault(
  agents: readonly SettledAgent[],
  published: (uid: string) => AgentEntry | undefined,
): readonly SettledAgent[] {
  const winner = defaultAgent(agents);
  return agents.map((agent) => {
    if (agent.entry === undefined) return agent;
    const entry = withDefault(agent.entry, agent === winner);
    return withEntry(agent, reused(entry, published(entry.uid)));
  });
}

/** The Agent that serves what no rule matched. */
export function defaultAgent(agents: readonly SettledAgent[]): SettledAgent | undefined {
  return agents.filter(({ entry }) => entry !== undefined && asksForDefault(entry)).sort(byAge)[0];
}

/** Whether the author of the generation in the snapshot wants it to be the default. */
export function asksForDefault(entry: AgentEntry): boolean {
  return entry.origin?.default ?? entry.default;
}

function byAge({ declared: a }: SettledAgent, { declared: b }: SettledAgent): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

const withOtherEntry = new WeakMap<SettledAgent, SettledAgent>();

/** The same value for the same two, as `settle` promises. */
function withEntry(agent: SettledAgent, entry: AgentEntry): SettledAgent {
  if (agent.entry === entry) return agent;
  const known = withOtherEntry.get(agent);
  if (known?.entry === entry) return known;
  const changed = { ...agent, entry };
  withOtherEntry.set(agent, changed);
  return changed;
}

const others = new WeakMap<AgentEntry, AgentEntry>();

/** The entry itself, or its one twin that is not the default. */
function withDefault(entry: AgentEntry, isDefault: boolean): AgentEntry {
  if (entry.default === isDefault) return entry;
  const other = others.get(entry) ?? { ...entry, default: isDefault };
  others.set(entry, other);
  return other;
}
