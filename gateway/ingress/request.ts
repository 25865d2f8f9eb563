import type { FastifyRequest, preHandlerHookHandler } from 'fastify';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Principal } from '../../core/route/principal.ts';
import { type AuthOptions, authenticate, requireAdmin, tokenToVerify } from '../admit/auth.ts';
import type { TokenBearer } from '../admit/tokens/tokens.ts';
import type { Table, TableHolder } from '../config/table.ts';

/** What a request keeps from its start to its end: the one table it acts on and who calls. */
export interface Admission {
  readonly table: Table;
  readonly principal: Principal;
  /** What the caller's token says; empty for every other caller. */
  readonly claims: TokenBearer['claims'];
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `admitBy`; null on paths that need no key. */
    admission: Admission | null;
    /** What the one log line of the request says beside path, status and time. */
    facts: Record<string, unknown>;
    /** The error code that was answered, '' for none. */
    errorCode: string;
  }
}

export interface AdmitOptions extends AuthOptions {
  readonly tables: TableHolder;
}

/** A hook for routes that need a key: takes the table once and authenticates before the body is read. */
export function admitBy(options: AdmitOptions, role: 'client' | 'admin' = 'client'): preHandlerHookHandler {
  return (request, reply, done) => {
    const table = options.tables.current();
    if (table === undefined) {
      throw new TalariaError(
        'state_unavailable',
        'This gateway has no configuration yet: none has come since it started. Try again shortly; if this lasts, see whether the operator runs.',
      );
    }
    reply.header('x-talaria-revision', table.revision);
    const enter = ({ principal, claims }: TokenBearer) => {
      request.facts.principal = principal.id;
      if (role === 'admin') requireAdmin(principal);
      request.admission = { table, principal, claims };
    };
    const { authorization } = request.headers;
    const unverified = tokenToVerify(authorization, table, options);
    if (unverified) {
      // A handler would not hear of a client that went away meanwhile.
      unverified.tokens
        .verify(unverified.token)
        .then(enter)
        .then(() => (reply.raw.destroyed ? reply.hijack() : done()), done);
      return;
    }
    enter({ principal: authenticate(authorization, table, options), claims: noClaims });
    done();
  };
}

const noClaims: TokenBearer['claims'] = {};

/** The admission of a request whose route has the `admitBy` hook. */
export function admissionOf(request: FastifyRequest): Admission {
  if (request.admission === null) throw new Error('the route has no admitBy hook');
  return request.admission;
}
