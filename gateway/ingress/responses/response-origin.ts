import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire } from '../../../core/lib/id.ts';
import { type ResolveQuery, resolve } from '../../../core/route/resolve.ts';
import type { Table } from '../../config/table.ts';
import type { Database } from '../../db/pool.ts';
import { type ChainedResponse, findChained, readChain } from '../../responses/chain.ts';
import type { Item } from '../../sessions/items.ts';
import { boundHistory } from '../../turns/history.ts';
import { refusedAsError } from '../../turns/refused.ts';
import type { SessionChoice } from '../../turns/turn-request.ts';
import type { ResponseRequest } from './response-body.ts';

/** Where a response goes on from. */
export interface ResponseOrigin {
  /** Bound to the agent of the chain, where there is one. */
  readonly query: ResolveQuery;
  readonly session: SessionChoice;
  /** What was said before, of a response that is not stored. */
  readonly context: readonly Item[];
}

export interface OriginOptions {
  readonly query: ResolveQuery;
  readonly body: Pick<ResponseRequest, 'previous' | 'conversation' | 'store'>;
  /** Value of `X-Talaria-Session-Id`, '' without one. */
  readonly sessionHeader: string;
}

/**
 * Finds it: the response or session that the request names, else a new session. Throws `response_not_found`,
 * `session_not_found`, `session_busy` for a response that is still at work, and `invalid_request` for one that kept nothing
 * and for fields that contradict each other.
 */
export async function findOrigin(database: Database, table: Table, options: OriginOptions): Promise<ResponseOrigin> {
  const { query, body, sessionHeader } = options;
  refuseContradictions(options);
  if (body.previous !== undefined) return await afterResponse(database, table, options, body.previous);
  if (body.conversation !== undefined && fromWire('ses', body.conversation) === undefined) {
    throw refusedAsError(resolve(table.routes, { ...query, boundMissing: 'session_not_found' }));
  }
  const value = body.conversation ?? sessionHeader;
  const session: SessionChoice = value === '' ? { kind: body.store ? 'new' : 'none' } : { kind: 'header', value };
  return { query, session, context: [] };
}

async function afterResponse(
  database: Database,
  table: Table,
  { query, body }: OriginOptions,
  name: string,
): Promise<ResponseOrigin> {
  const id = fromWire('resp', name);
  const found = id === undefined ? undefined : await findChained(database, query.principal, id);
  if (found === undefined) {
    throw refusedAsError(resolve(table.routes, { ...query, boundMissing: 'response_not_found' }));
  }
  const { agent, session, lastSeq: seq } = found;
  if (seq === undefined) throw keptNothing(found);
  const bound = { ...query, bound: { kind: 'response', agent } } as const;
  if (body.store) return { query: bound, session: { kind: 'at', id: session, seq }, context: [] };
  return { query: bound, session: { kind: 'none' }, context: await readContext(database, table, found) };
}

async function readContext(database: Database, table: Table, found: ChainedResponse): Promise<readonly Item[]> {
  const agent = table.routes.agents.get(found.agent);
  // Without its agent the response is refused, whatever was said before.
  if (agent === undefined) return [];
  return boundHistory(await readChain(database, found, agent.sessions.maxHistoryMessages), agent);
}

function refuseContradictions({ body, sessionHeader }: OriginOptions): void {
  const { previous, conversation, store } = body;
  if (previous !== undefined && conversation !== undefined) {
    throw contradiction('conversation', 'previous_response_id and conversation are two ways to say what to go on from');
  }
  if (sessionHeader !== '' && previous !== undefined) {
    throw contradiction('previous_response_id', 'Header X-Talaria-Session-Id names a session to go on in');
  }
  if (sessionHeader !== '' && conversation !== undefined && sessionHeader !== conversation) {
    throw contradiction('conversation', 'Header X-Talaria-Session-Id names another session');
  }
  if (!store && (conversation !== undefined || sessionHeader !== '')) {
    throw contradiction('store', 'A session keeps what is said in it, and store: false keeps nothing');
  }
}

function contradiction(param: string, message: string): TalariaError {
  return new TalariaError('invalid_request', `${message}. Send one of them.`, { param });
}

function keptNothing({ ended }: ChainedResponse): TalariaError {
  const param = 'previous_response_id';
  if (!ended) {
    const message = 'The response is still in progress, so nothing can go on from it yet. Wait until it is complete.';
    return new TalariaError('session_busy', message, { param });
  }
  const message =
    'The response did not complete, so there is nothing to go on from. Go on from the one before it, or start anew.';
  return new TalariaError('invalid_request', message, { param });
}
