import type { ToldExplanation } from '../../core/route/told-explanation.ts';
import type { Snapshot, SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Imported } from '../../gateway/archive/import-agent.ts';
import type { Purged } from '../../gateway/archive/purge-agent.ts';
import type { KeptObject } from '../../gateway/ingress/admin/agent-data.ts';
import type { AgentDetail, AgentObject } from '../../gateway/ingress/admin/agent-object.ts';
import type { DeliveryDetail, DeliveryObject } from '../../gateway/ingress/admin/delivery-object.ts';
import type { JobDetail, JobObject } from '../../gateway/ingress/admin/job-object.ts';
import type { AdminRunDetail, AdminRunObject } from '../../gateway/ingress/admin/run-object.ts';
import type { AdminSessionObject } from '../../gateway/ingress/admin/session-object.ts';
import { GatewayUnreachable } from './failures.ts';
import {
  createSender,
  deadlineMs,
  type GatewayAddress,
  type GatewayRequest,
  readJson,
  reasonOf,
} from './gateway-request.ts';
import { readServerEvents, type ServerEvent } from './server-events.ts';

/** The filters of a list; undefined ones are left out. */
export type Filters = Readonly<Record<string, string | undefined>>;

/** What a list gave, and whether there is more than was asked for. */
export interface Listing<T> {
  readonly entries: readonly T[];
  readonly hasMore: boolean;
}

/** One kind of thing that the admin API has. `most` of `list`: how many entries at most, 0 for all. */
interface Collection<Entry, Detail> {
  readonly list: (filters: Filters, most: number) => Promise<Listing<Entry>>;
  readonly read: (id: string) => Promise<Detail>;
}

/**
 * The admin API of one gateway. Every call has a deadline, and throws GatewayRefusal with the gateway's own words or
 * GatewayUnreachable.
 */
export interface AdminClient {
  /** What is kept for an Agent's name, by that name. */
  readonly agentData: {
    /** Of all Agents for which files or sessions are kept. */
    readonly list: (filters: Filters, most: number) => Promise<Listing<KeptObject>>;
    /** The archive, as JSON lines. */
    readonly export: (agent: string) => AsyncIterable<Uint8Array>;
    readonly import: (agent: string, part: ArchivePart) => Promise<{ readonly imported: Imported }>;
    /** Deletes for some seconds; ask again while there is more. */
    readonly purge: (
      agent: string,
      options: { readonly while_served: boolean },
    ) => Promise<{ readonly purged: Purged; readonly has_more: boolean }>;
  };
  readonly agents: Collection<AgentObject, AgentDetail>;
  readonly jobs: Collection<JobObject, JobDetail> & {
    /** Gives the id of the run. */
    readonly run: (name: string) => Promise<{ readonly run_id: string }>;
    readonly pause: (name: string) => Promise<JobDetail>;
    readonly resume: (name: string) => Promise<JobDetail>;
  };
  readonly runs: Collection<AdminRunObject, AdminRunDetail> & {
    readonly stop: (id: string) => Promise<AdminRunDetail>;
    /** What happened after the event with this id (0: from the first one), and, when `follow` says so, happens to its end. */
    readonly events: (
      id: string,
      options: { readonly after: number; readonly follow: boolean },
    ) => AsyncIterable<ServerEvent>;
  };
  readonly deliveries: Collection<DeliveryObject, DeliveryDetail> & {
    readonly retry: (id: string) => Promise<DeliveryDetail>;
    readonly discard: (id: string) => Promise<DeliveryDetail>;
  };
  readonly sessions: Collection<AdminSessionObject, AdminSessionObject> & {
    /** The newest `most` of what was said in it, the oldest of them first. */
    readonly items: (id: string, most: number) => Promise<Listing<SessionItem>>;
    /** The session and its items as JSON lines. */
    readonly export: (id: string) => AsyncIterable<Uint8Array>;
    readonly delete: (id: string) => Promise<void>;
  };
  /** What the gateway serves. */
  readonly snapshot: () => Promise<ServedSnapshot>;
  /** Who would answer a message; the fields are those of `POST /admin/v1/explain`. */
  readonly explain: (message: object) => Promise<ToldExplanation>;
}

/** The first line of an archive and some of its others, as they stand there. */
export interface ArchivePart {
  readonly head: unknown;
  readonly lines: readonly unknown[];
}

/** One thing that was said or done in a session. */
export type SessionItem = AdminRunDetail['input'][number] & { readonly run_id: string; readonly created_at: number };

/** `partial`: the key is of some Agents, and this is what belongs to them. */
export type ServedSnapshot = SnapshotContent & Pick<Snapshot, 'revision' | 'sequence'> & { readonly partial?: true };

/** A session may be long, and its reader slow. */
const exportDeadlineMs = 600_000;
const pageSize = 100;

/** Makes a client. Nothing is sent before the first call. */
export function createAdminClient(address: GatewayAddress): AdminClient {
  const sendTo = createSender(address);
  const send = (request: GatewayRequest) => sendTo({ ...request, path: `/admin/v1${request.path}` });
  const call = async <T>(method: GatewayRequest['method'], path: string, body?: object): Promise<T> => {
    const signal = AbortSignal.timeout(deadlineMs);
    return await readJson<T>(await send({ method, path, body, signal }), address.url);
  };
  const download = (path: string) => {
    return bodyOf(send({ method: 'GET', path, signal: AbortSignal.timeout(exportDeadlineMs) }), address.url);
  };
  const collection = <Entry, Detail>(name: string): Collection<Entry, Detail> => ({
    list: (filters, most) => listPages((query) => call<Page<Entry>>('GET', `/${name}?${query}`), filters, most),
    read: (id) => call('GET', `/${name}/${encodeURIComponent(id)}`),
  });
  const act = <T>(kind: string, verb: string) => {
    return (id: string) => call<T>('POST', `/${kind}/${encodeURIComponent(id)}/${verb}`);
  };
  return {
    agentData: {
      list: (filters, most) => {
        return listPages((query) => call<Page<KeptObject>>('GET', `/agent-data?${query}`), filters, most);
      },
      export: (agent) => {
        return download(`/agents/${encodeURIComponent(agent)}/export`);
      },
      import: (agent, part) => call('POST', `/agents/${encodeURIComponent(agent)}/import`, part),
      purge: (agent, body) => call('POST', `/agents/${encodeURIComponent(agent)}/purge`, body),
    },
    agents: collection('agents'),
    jobs: {
      ...collection('jobs'),
      run: act('jobs', 'run'),
      pause: act('jobs', 'pause'),
      resume: act('jobs', 'resume'),
    },
    runs: {
      ...collection('runs'),
      stop: act('runs', 'stop'),
      events: (id, { after, follow }) =>
        readServerEvents(after, (lastEventId, signal) =>
          send({
            method: 'GET',
            path: `/runs/${encodeURIComponent(id)}/events?follow=${follow}`,
            headers: { 'last-event-id': String(lastEventId) },
            signal,
          }),
        ),
    },
    deliveries: {
      ...collection('deliveries'),
      retry: act('deliveries', 'retry'),
      discard: act('deliveries', 'discard'),
    },
    sessions: {
      ...collection('sessions'),
      items: async (id, most) => {
        const path = `/sessions/${encodeURIComponent(id)}/items?`;
        const readPage = (query: URLSearchParams) => call<Page<SessionItem>>('GET', `${path}${query}`);
        const { entries, hasMore } = await listPages(readPage, { order: 'desc' }, most);
        return { entries: entries.toReversed(), hasMore };
      },
      export: (id) => {
        return download(`/sessions/${encodeURIComponent(id)}/export`);
      },
      delete: (id) => call('DELETE', `/sessions/${encodeURIComponent(id)}`),
    },
    snapshot: () => call('GET', '/snapshot'),
    explain: (message) => call('POST', '/explain', message),
  };
}

async function* bodyOf(sent: Promise<Response>, url: string): AsyncGenerator<Uint8Array> {
  const { body } = await sent;
  try {
    if (body !== null) yield* body;
  } catch (error) {
    throw new GatewayUnreachable(url, `it broke off what it sent (${reasonOf(error)})`);
  }
}

interface Page<T> {
  readonly data: readonly T[];
  readonly last_id: string | null;
  readonly has_more: boolean;
}

async function listPages<T>(
  readPage: (query: URLSearchParams) => Promise<Page<T>>,
  filters: Filters,
  most: number,
): Promise<Listing<T>> {
  const entries: T[] = [];
  for (let after: string | null = null; ; ) {
    const left = most === 0 ? pageSize : Math.min(pageSize, most - entries.length);
    const page: Page<T> = await readPage(queryOf({ ...filters, limit: String(left), after: after ?? undefined }));
    entries.push(...page.data);
    after = page.last_id;
    if (!page.has_more || after === null || (most > 0 && entries.length >= most)) {
      return { entries, hasMore: page.has_more };
    }
  }
}

function queryOf(fields: Filters): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, value);
  return query;
}
