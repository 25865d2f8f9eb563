import type { Principal } from '../../core/route/principal.ts';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';

/**
 * Who each API key of the snapshot speaks for, by the SHA-256 of the key. One hash on several Agents: the set is all of
 * them and the first by name gives the principal its id. A hash that is a gateway key too is that gateway key, with its
 * role, and may call the Agents of both.
 */
export function principalsByKeyHash(
  content: SnapshotContent,
  credentials: ReadonlyMap<string, string>,
): ReadonlyMap<string, Principal> {
  const principals = new Map<string, Principal>();
  const add = (principal: Principal, names: readonly string[]) => {
    for (const name of names) {
      const hash = credentials.get(name);
      if (hash === undefined) continue;
      const known = principals.get(hash);
      principals.set(hash, known ? { ...known, agents: union(known.agents, principal.agents) } : principal);
    }
  };
  for (const key of content.gatewayKeys) {
    const agents = key.agents.includes('*') ? '*' : key.agents;
    add({ id: `gateway-key:${key.name}`, role: key.role, agents, keyName: key.name }, key.credentials);
  }
  for (const agent of content.agents) {
    for (const key of agent.keys) {
      const id = `agent-key:${agent.name}/${key.name}`;
      add({ id, role: 'client', agents: [agent.name], ownAgent: agent.name }, key.credentials);
    }
  }
  return principals;
}

function union(left: Principal['agents'], right: Principal['agents']): Principal['agents'] {
  if (left === '*' || right === '*') return '*';
  return [...new Set([...left, ...right])];
}
