import { TalariaError } from '../../core/lib/errors.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { Table } from '../config/table.ts';

/** Whom a request speaks for when it needs no key: every agent, in standalone mode on loopback. */
export const localPrincipal: Principal = { id: 'local', role: 'admin', agents: '*' };

export interface AuthOptions {
  /** A request without a key is `local`; so is one with any key while no key is configured. */
  readonly keyless: boolean;
}

/**
 * The principal behind an `Authorization` header. Throws `invalid_key`, or `no_keys_configured` when no key could be
 * right. Anything but visible ASCII is no key.
 */
export function authenticate(authorization: string | undefined, table: Table, { keyless }: AuthOptions): Principal {
  if (keyless && (authorization === undefined || table.keys.size === 0)) return localPrincipal;
  if (table.keys.size === 0) {
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
