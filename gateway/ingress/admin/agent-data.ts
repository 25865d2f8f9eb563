import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../../core/lib/clock.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import { mayCall } from '../../../core/route/principal.ts';
import { exportAgent } from '../../archive/export-agent.ts';
import { importLines } from '../../archive/import-agent.ts';
import { contentLineSchema, headSchema } from '../../archive/lines.ts';
import { type Kept, listKept } from '../../archive/list-kept.ts';
import { claimedName } from '../../archive/named-sessions.ts';
import { isServedAnywhere, type Purged, purgeBatch } from '../../archive/purge-agent.ts';
import type { Database } from '../../db/pool.ts';
import type { FileOwner } from '../../files/workspace.ts';
import { type Page, pageOf, toSeconds } from '../api-object.ts';
import { countInQuery, readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import { nameInQuery, seconds } from './shapes.ts';

export interface AgentDataOptions extends AdmitOptions {
  readonly database: Database;
  readonly clock: Clock;
}

type OneAgent = { Params: { id: string } };

const mostLines = 5_000;
/** One line must fit, and the answer of a model may have 32 MiB: an export that cannot come back is none. */
const mostImportBytes = 48 * 1024 * 1024;

/** The query of `GET /admin/v1/agent-data`. */
export const keptListSchema = z.strictObject({
  limit: countInQuery(100, 20),
  after: nameInQuery('Agent').optional().describe('Name of the last Agent of the page before.'),
  gone: z.enum(['true', 'false']).optional().describe('`true`: only of Agents that are not served.'),
});

/** What is kept for an Agent's name. */
export const keptObjectSchema = z.object({
  agent: z.string(),
  object: z.literal('agent_data'),
  gone_at: seconds('Since when no such Agent is served.'),
  files: z.int().min(0),
  bytes: z.int().min(0).describe('Of all files together.'),
  sessions: z.int().min(0),
});

export type KeptObject = z.output<typeof keptObjectSchema>;

/** The body of an import: the first line of the archive, and some of its others. */
export const importBodySchema = z.strictObject({
  head: headSchema,
  lines: z.array(contentLineSchema).max(mostLines),
});

/** The body of a purge. `while_served`: also while the Agent is served. */
export const purgeBodySchema = z.strictObject({ while_served: z.boolean().default(false) });

/**
 * `/admin/v1/agent-data` and `/admin/v1/agents/{name}/export`, `.../import` and `.../purge`: what is kept for an Agent's name,
 * whether or not there is such an Agent. An export is JSON lines, and complete when its last line is of the type `end`. An import takes lines in parts, in
 * their order.
 */
export function addAgentData(app: FastifyInstance, options: AgentDataOptions): void {
  const { database, clock } = options;
  const onRequest = admitBy(options, 'admin');
  app.get('/admin/v1/agent-data', { onRequest }, (request) => listPage(database, request));
  app.get<OneAgent>('/admin/v1/agents/:id/export', { onRequest }, async (request, reply) => {
    const { name, uid } = ownerOf(request);
    const head = { uid, exported_at: new Date(clock.now()).toISOString() };
    reply.header('content-type', 'application/x-ndjson; charset=utf-8');
    return reply.send(Readable.from(textOf(exportAgent(database, name, head)), { objectMode: false }));
  });
  app.post<OneAgent>('/admin/v1/agents/:id/import', { onRequest, bodyLimit: mostImportBytes }, async (request) => {
    const owner = ownerOf(request);
    const { head, lines } = readBody(importBodySchema, request.body);
    if (head.agent !== owner.name) throw ofAnother(head.agent, owner.name);
    const { table, principal } = admissionOf(request);
    const claimed = claimedName(lines, principal, table.content);
    if (claimed !== undefined) throw beyondTheKey(claimed.name);
    const uid = owner.uid === '' ? head.uid : owner.uid;
    return { imported: await importLines(database, { name: owner.name, uid }, lines) };
  });
  app.post<OneAgent>('/admin/v1/agents/:id/purge', { onRequest }, async (request) => {
    const { name } = ownerOf(request);
    const { while_served: whileServed } = readBody(purgeBodySchema, request.body);
    const isServed = admissionOf(request).table.agents.has(name);
    if (!whileServed && (isServed || (await isServedAnywhere(database, name)))) throw stillServed(name);
    return await purge(options, name);
  });
}

async function listPage(database: Database, request: FastifyRequest): Promise<Page<object>> {
  const { limit, after = '', gone } = readBody(keptListSchema, request.query);
  const filter = { limit, after, gone: gone === 'true' };
  const { kept, hasMore } = await listKept(database, admissionOf(request).principal, filter);
  return pageOf(kept.map(keptObject), hasMore, ({ agent }) => agent);
}

function keptObject({ agent, goneAt, files, bytes, sessions }: Kept): KeptObject {
  return { agent, object: 'agent_data', gone_at: toSeconds(goneAt), files, bytes, sessions };
}

/** The Agent of the path; its uid is '' when it is not served. Throws `model_not_found` for one that the key may not call. */
function ownerOf(request: FastifyRequest<OneAgent>): FileOwner {
  const { table, principal } = admissionOf(request);
  const name = request.params.id;
  if (isAgentName(name) && mayCall(principal, name)) return { name, uid: table.agents.get(name)?.uid ?? '' };
  throw new TalariaError('model_not_found', `The key may not act on an Agent ${JSON.stringify(name)}.`);
}

function isAgentName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name);
}

function ofAnother(archived: string, name: string): TalariaError {
  const message = `The archive is of the Agent ${JSON.stringify(archived)}, not of ${name}. Import it under its own name.`;
  return new TalariaError('invalid_request', message, { param: 'head.agent' });
}

function beyondTheKey(session: string): TalariaError {
  const message = `The session named ${JSON.stringify(session.slice(0, 100))} is of a key that may call other Agents too. Import the archive with an admin key of all those Agents.`;
  return new TalariaError('agent_forbidden', message, { param: 'lines' });
}

function stillServed(name: string): TalariaError {
  const message = `The Agent ${name} is served, or was until a moment ago. Delete it first, or ask with \`while_served\`.`;
  return new TalariaError('agent_served', message);
}

async function* textOf(pages: AsyncIterable<readonly object[]>): AsyncGenerator<string> {
  for await (const page of pages) {
    if (page.length > 0) yield page.map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}

/** One request deletes for so long; what is left is for the next. */
const purgeMs = 10_000;

async function purge({ database, clock }: AgentDataOptions, name: string): Promise<object> {
  const endsAt = clock.monotonic() + purgeMs;
  let purged: Purged = { files: 0, sessions: 0, runs: 0, deliveries: 0 };
  for (;;) {
    const batch = await purgeBatch(database, name);
    if (totalOf(batch) === 0) return { purged, has_more: false };
    purged = sumOf(purged, batch);
    if (clock.monotonic() >= endsAt) return { purged, has_more: true };
  }
}

function totalOf({ files, sessions, runs, deliveries }: Purged): number {
  return files + sessions + runs + deliveries;
}

function sumOf(one: Purged, other: Purged): Purged {
  return {
    files: one.files + other.files,
    sessions: one.sessions + other.sessions,
    runs: one.runs + other.runs,
    deliveries: one.deliveries + other.deliveries,
  };
}
