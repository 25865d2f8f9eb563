import { mayCall, type Principal } from '../../core/route/principal.ts';
import { modelPrefix } from '../../core/route/resolve.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Table } from './table.ts';

/** How an Agent is called as a model: `talaria/<name>`. */
export function modelName(agent: string): string {
  return `${modelPrefix}${agent}`;
}

/** The Agents that a principal may call, by name; suspended ones too, for they exist. */
export function callableAgents(table: Table, principal: Principal): readonly AgentEntry[] {
  return [...table.agents.values()].filter((agent) => mayCall(principal, agent.name));
}
