import type { Principal } from '../../core/route/principal.ts';

/**
 * The condition that a row is a principal's and of an agent that it may call: with the places of two parameters, the
 * principal's id and its `callableAgents`, and the row's alias.
 */
export function ownedBy(principal: string, agents: string, alias?: string): string {
  const row = alias === undefined ? '' : `${alias}.`;
  return `${row}principal = ${principal} and (${agents}::text[] is null or ${row}agent = any(${agents}))`;
}

/** The names of the agents that a principal may call, as a statement takes them: null for every one. */
export function callableAgents({ agents }: Pick<Principal, 'agents'>): readonly string[] | null {
  return agents === '*' ? null : agents;
}
