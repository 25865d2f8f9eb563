import { decodeJwt } from 'jose';
import type { Clock } from '../../../core/lib/clock.ts';
import { sha256 } from '../../../core/lib/hash.ts';
import type { Logger } from '../../../core/lib/log.ts';
import type { Principal } from '../../../core/route/principal.ts';
import type { IssuerConfig } from '../../config/issuers.ts';
import { agentsOf } from './agents-of.ts';
import { fetchKeys } from './fetch-keys.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { invalid, type VerifiedClaims, verifyToken } from './verify.ts';

/** Whom a token speaks for, and what it says. */
export interface TokenBearer {
  readonly principal: Principal;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Verifies bearer tokens of the configured issuers. */
export interface Tokens {
  /**
   * The bearer of a JWT. Rejects with `invalid_key`, which says what is wrong and never repeats the token, or with
   * `state_unavailable` while the keys of its issuer cannot be had; no other issuer's tokens suffer from that.
   */
  readonly verify: (token: string) => Promise<TokenBearer>;
}

export interface TokensOptions {
  readonly issuers: readonly IssuerConfig[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** A verified token is believed for this long without a look at its signature, and never beyond its `exp`. */
const believedMs = 60_000;
/** How many are. */
const maxBelieved = 1_000;

/** Undefined when no issuer is configured, so that no token can be right. */
export function createTokens({ issuers, clock, log }: TokensOptions): Tokens | undefined {
  if (issuers.length === 0) return undefined;
  const known = new Map(
    issuers.map((issuer) => {
      const onFailure = (error: unknown) =>
        log.warn({ issuer: issuer.issuer, err: error }, 'the keys of an issuer cannot be fetched');
      return [issuer.issuer, { issuer, keys: createIssuerKeys({ fetch: () => fetchKeys(issuer), onFailure, clock }) }];
    }),
  );
  const believed = createBelieved(clock);
  return {
    verify: async (token) => {
      const hash = sha256(token);
      const earlier = believed.find(hash);
      if (earlier) return earlier;
      const by = known.get(issuerOf(token));
      if (by === undefined) throw invalid('it is of an issuer (`iss`) that this gateway does not know');
      const claims = await verifyToken(token, by.issuer, { keys: by.keys, now: new Date(clock.now()) });
      const bearer = { principal: principalOf(by.issuer, claims), claims };
      believed.add(hash, bearer, claims.exp * 1_000);
      return bearer;
    },
  };
}

/** What the token says of itself, to find whose keys may prove it. */
function issuerOf(token: string): string {
  try {
    const { iss } = decodeJwt(token);
    return typeof iss === 'string' ? iss : '';
  } catch (error) {
    throw invalid('it is no JWT', error);
  }
}

function principalOf(issuer: IssuerConfig, claims: VerifiedClaims): Principal {
  return { id: `token:${issuer.issuer}|${claims.sub}`, role: issuer.role, agents: agentsOf(issuer, claims) };
}

function createBelieved(clock: Clock) {
  const bearers = new Map<
    string,
    { readonly bearer: TokenBearer; readonly expiresAt: number; readonly until: number }
  >();
  return {
    find: (hash: string): TokenBearer | undefined => {
      const found = bearers.get(hash);
      if (found && clock.now() < found.expiresAt && clock.monotonic() < found.until) return found.bearer;
      bearers.delete(hash);
      return undefined;
    },
    /** The oldest makes room. */
    add: (hash: string, bearer: TokenBearer, expiresAt: number): void => {
      const [oldest] = bearers.keys();
      if (oldest !== undefined && bearers.size >= maxBelieved) bearers.delete(oldest);
      bearers.set(hash, { bearer, expiresAt, until: clock.monotonic() + believedMs });
    },
  };
}
