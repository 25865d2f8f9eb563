import { TalariaError } from '../../core/lib/errors.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { Table } from '../config/table.ts';
import type { Tokens } from './tokens/tokens.ts';

/** Whom a request speaks for when it needs no key: every agent, in standalone mode on loopback. */
export const localPrincipal: Principal = { id: 'local', role: 'admin', agents: '*', deliver: true };

export interface AuthOptions {
  /** A request without a key is `local`; so is one with any key while no key is configured. */
  readonly keyless: boolean;
  /** Undefined when no issuer of tokens is configured. */
  readonly tokens?: Tokens | undefined;
}

/**
 * The principal behind an `Authorization` header. Throws `invalid_key`, or `no_keys_configured` when no key and no
 * token could be right. Anything but visible ASCII is no key.
 */
export function authenticate(authorization: string | undefined, table: Table, options: AuthOptions): Principal {
  const noneConfigured = table.keys.size === 0 && options.tokens === undefined;
  if (options.keyless && (authorization === undefined || noneConfigured)) return localPrincipal;
  if (noneConfigured) {
    throw new TalariaError(
      'no_keys_configured',
      'No API key is configured. Give an Agent one in access.apiKeys, or label a Secret talaria.dev/gateway-key=true.',
    );
  }
  const token = bearerToken(authorization);
  const principal = token === undefined ? undefined : table.keys.find(token);
  if (principal) return principal;
  const what = authorization === undefined ? 'No API key was sent' : 'The API key is not valid';
  throw new TalariaError('invalid_key', `${what}. Send a valid one as \`Authorization: Bearer KEY\`.`);
}

/** The bearer token that `tokens` must verify: it has the form of a JWT and is no API key. Cheap for everything else. */
export function tokenToVerify(
  authorization: string | undefined,
  table: Table,
  { tokens }: AuthOptions,
): { readonly token: string; readonly tokens: Tokens } | undefined {
  if (tokens === undefined) return undefined;
  const token = bearerToken(authorization);
  if (token === undefined || !jwt.test(token) || table.keys.find(token) !== undefined) return undefined;
  return { token, tokens };
}

/** Its header is a JSON object in base64url; a signature may be missing, so that `alg: none` is refused for what it is. */
const jwt = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;

/** Throws `admin_required` unless the principal may use the admin API. */
export function requireAdmin(principal: Principal): void {
  if (principal.role === 'admin') return;
  throw new TalariaError(
    'admin_required',
    'This key may not use the admin API. Use a gateway key with the annotation talaria.dev/role=admin.',
  );
}

function bearerToken(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1];
}
