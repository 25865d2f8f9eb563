import { hash as digestOf } from 'node:crypto';
import { lowerOf } from '../../core/lib/lower-of.ts';
import type { KeyLimits, Principal } from '../../core/route/principal.ts';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';

/** The API keys of one snapshot, known by their SHA-256 alone. */
export interface KeyRing {
  /** How many different keys there are. */
  readonly size: number;
  /** Whom this key speaks for; the comparison takes as long for a wrong key as for a right one. */
  readonly find: (key: string) => Principal | undefined;
}

/**
 * Who each key speaks for. One hash on several Agents: the set is all of them, and the first by name gives the principal
 * its id. A hash that is a gateway key too is that gateway key, with its role, and may call the Agents of both. Of each
 * bound that its keys have, the strictest holds.
 */
export function createKeyRing(content: SnapshotContent, credentials: ReadonlyMap<string, string>): KeyRing {
  const principals = principalsByHash(content, credentials);
  const byPrefix = new Map<string, Entry[]>();
  for (const [hash, principal] of principals) {
    const prefix = hash.slice(0, prefixLength);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), { hash, principal }]);
  }
  return {
    size: principals.size,
    find: (key) => {
      const hash = digestOf('sha256', key);
      return byPrefix.get(hash.slice(0, prefixLength))?.find((entry) => isEqual(entry.hash, hash))?.principal;
    },
  };
}

interface Entry {
  /** Lower-case hex. */
  readonly hash: string;
  readonly principal: Principal;
}

/** Hex digits that find the few candidates; what is equal beyond them takes constant time to tell. */
const prefixLength = 8;

/** In constant time for texts of one length. Node's own comparison takes buffers, which cost more to make than the hash. */
function isEqual(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let at = 0; at < left.length; at += 1) difference |= left.charCodeAt(at) ^ right.charCodeAt(at);
  return difference === 0;
}

function principalsByHash(
  content: SnapshotContent,
  credentials: ReadonlyMap<string, string>,
): ReadonlyMap<string, Principal> {
  const principals = new Map<string, Principal>();
  const add = (principal: Principal, names: readonly string[]) => {
    for (const name of names) {
      const hash = credentials.get(name);
      if (hash === undefined) continue;
      const known = principals.get(hash);
      principals.set(hash, known ? both(known, principal) : principal);
    }
  };
  for (const key of content.gatewayKeys) {
    const agents = key.agents.includes('*') ? '*' : key.agents;
    add({ id: `gateway-key:${key.name}`, role: key.role, agents, keyName: key.name, ...rights(key) }, key.credentials);
  }
  for (const agent of content.agents) {
    for (const key of agent.keys) {
      const id = `agent-key:${agent.name}/${key.name}`;
      const bounds = key.limits === undefined ? {} : { limits: key.limits };
      add(
        { id, role: 'client', agents: [agent.name], ownAgent: agent.name, ...rights(key), ...bounds },
        key.credentials,
      );
    }
  }
  return principals;
}

/** The first of two principals, with the agents of both and no right that one of them lacks. */
function both(first: Principal, second: Principal): Principal {
  const limits = strictest(first.limits, second.limits);
  const agents = union(first.agents, second.agents);
  const { deliver: _, ...rest } = first;
  const deliver = first.deliver === true && second.deliver === true;
  return { ...rest, agents, ...rights({ deliver }), ...(limits === undefined ? {} : { limits }) };
}

function rights({ deliver }: { readonly deliver: boolean }): Pick<Principal, 'deliver'> {
  return deliver ? { deliver } : {};
}

function strictest(one: KeyLimits | undefined, other: KeyLimits | undefined): KeyLimits | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    requestsPerMinute: lowerOf(one.requestsPerMinute, other.requestsPerMinute),
    tokensPerDay: lowerOf(one.tokensPerDay, other.tokensPerDay),
  };
}

function union(left: Principal['agents'], right: Principal['agents']): Principal['agents'] {
  if (left === '*' || right === '*') return '*';
  return [...new Set([...left, ...right])];
}
