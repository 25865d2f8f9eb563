import type { Principal } from '../../../core/route/principal.ts';
import type { IssuerConfig } from '../../config/issuers.ts';

/**
 * The agents that a token of this issuer may call: those that the configuration names for every one, and those of its own
 * `agentsClaim`. A claim that is neither a list of texts nor a text gives none.
 */
export function agentsOf(
  { agents, agentsClaim }: Pick<IssuerConfig, 'agents' | 'agentsClaim'>,
  claims: Readonly<Record<string, unknown>>,
): Principal['agents'] {
  if (agents.includes('*')) return '*';
  const claim = agentsClaim !== undefined && Object.hasOwn(claims, agentsClaim) ? claims[agentsClaim] : undefined;
  return [...new Set([...agents, ...namesIn(claim)])];
}

function namesIn(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((name) => name !== '');
  if (Array.isArray(claim) && claim.every((name) => typeof name === 'string')) return claim;
  return [];
}
