/** Who calls. The id is stable over key rotation and is part of every session, run and idempotency key. */
export interface Principal {
  /** `agent-key:<agent>/<name>`, `gateway-key:<secret>`, `token:<issuer>|<subject>`, `account:<agent>/<name>` or `local`. */
  readonly id: string;
  readonly role: 'client' | 'admin';
  /** The agents this principal may call; `*` means every one. */
  readonly agents: '*' | readonly string[];
  /** The one agent whose own key or account this is: it serves what no rule matched. */
  readonly ownAgent?: string;
  /** Name of the gateway key, which a Route's `apiKey` may match; absent for every other kind. */
  readonly keyName?: string;
  /** Its requests may have their results delivered; absent: they may not. */
  readonly deliver?: boolean;
  /** Bounds of its key besides those of the agent it calls; absent: none. */
  readonly limits?: KeyLimits;
}

/** What one key may use, over all replicas and agents together. */
export interface KeyLimits {
  readonly requestsPerMinute?: number | undefined;
  /** Days are those of UTC. */
  readonly tokensPerDay?: number | undefined;
}

/** Whether the principal may call this agent. */
export function mayCall(principal: Principal, agent: string): boolean {
  return principal.agents === '*' || principal.agents.includes(agent);
}
