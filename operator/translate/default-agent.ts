import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { Declared } from '../resources.ts';
import type { Candidate } from './candidate.ts';

/**
 * The uid of the Agent that serves what no rule matched: of those whose generation in the snapshot asks for it the
 * oldest, then the first by name.
 */
export function defaultAgentUid(
  agents: readonly { readonly declared: Declared<Agent>; readonly candidate: Candidate<AgentEntry> }[],
): string | undefined {
  const asking = agents.filter(({ candidate: { entry } }) => entry !== undefined && asksForDefault(entry));
  return asking.map(({ declared }) => declared).sort(byAge)[0]?.uid;
}

/** Whether the author of the generation in the snapshot wants it to be the default. */
export function asksForDefault(entry: AgentEntry): boolean {
  return entry.origin?.default ?? entry.default;
}

/** The entry itself, or its one twin that differs in nothing else. */
export function withDefault(entry: AgentEntry, isDefault: boolean): AgentEntry {
  if (entry.default === isDefault) return entry;
  const twin = twins.get(entry) ?? { ...entry, default: isDefault };
  twins.set(entry, twin);
  return twin;
}

const twins = new WeakMap<AgentEntry, AgentEntry>();

function byAge(a: Declared<Agent>, b: Declared<Agent>): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
