import type { FastifyRequest, preHandlerHookHandler } from 'fastify';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Principal } from '../../core/route/principal.ts';
import { authenticate, requireAdmin } from '../admit/auth.ts';
import type { Table, TableHolder } from '../config/table.ts';

/** What a request keeps from its start to its end: the one table it acts on and who calls. */
export interface Admission {
  readonly table: Table;
  readonly principal: Principal;
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

export interface AdmitOptions {
  readonly tables: TableHolder;
  readonly keyless: boolean;
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
    const principal = authenticate(request.headers.authorization, table, options);
    if (role === 'admin') requireAdmin(principal);
    request.admission = { table, principal };
    request.facts.principal = principal.id;
    done();
  };
}

/** The admission of a request whose route has the `admitBy` hook. */
export function admissionOf(request: FastifyRequest): Admission {
  if (request.admission === null) throw new Error('the route has no admitBy hook');
  return request.admission;
}
