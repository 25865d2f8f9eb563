import type { FastifyInstance, FastifyRequest } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { mayCall } from '../../../core/route/principal.ts';
import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import type { Table } from '../../config/table.ts';
import type { Database } from '../../db/pool.ts';
import { readAccountHealth } from '../../delivery/account-health.ts';
import { type Page, pageOf } from '../api-object.ts';
import { readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';
import {
  type AgentDetail,
  type AgentFacts,
  type AgentObject,
  agentDetail,
  agentListSchema,
  agentObject,
} from './agent-object.ts';

export interface AdminAgentsOptions extends AdmitOptions {
  readonly database: Database;
}

/** `/admin/v1/agents`: the Agents that the key may call, by name, as this replica serves them: list, read. */
export function addAdminAgents(app: FastifyInstance, options: AdminAgentsOptions): void {
  const onRequest = admitBy(options, 'admin');
  app.get('/admin/v1/agents', { onRequest }, (request) => listPage(options.database, request));
  app.get<{ Params: { id: string } }>('/admin/v1/agents/:id', { onRequest }, (request) => {
    return describe(options.database, request, request.params.id);
  });
}

async function listPage(database: Database, request: FastifyRequest): Promise<Page<AgentObject>> {
  const { limit, after } = readBody(agentListSchema, request.query);
  const { table, principal } = admissionOf(request);
  const wanted = table.content.agents.filter(
    ({ name }) => mayCall(principal, name) && (after === undefined || name > after),
  );
  const page = wanted.slice(0, limit);
  const facts = await factsOf(database, table, page);
  const data = page.map((entry) => agentObject(entry, facts(entry)));
  return pageOf(data, wanted.length > limit, ({ name }) => name);
}

/** Throws `model_not_found` for a name that no Agent has, or one that the key may not call. */
async function describe(database: Database, request: FastifyRequest, name: string): Promise<AgentDetail> {
  const { table, principal } = admissionOf(request);
  const entry = table.agents.get(name);
  if (entry === undefined || !mayCall(principal, name)) {
    throw new TalariaError('model_not_found', 'No such Agent. List them with GET /admin/v1/agents.');
  }
  const facts = await factsOf(database, table, [entry]);
  const instructions = entry.instructions === undefined ? '' : table.text(entry.instructions);
  return agentDetail(entry, facts(entry), Buffer.byteLength(instructions));
}

async function factsOf(
  database: Database,
  { content }: Table,
  agents: readonly AgentEntry[],
): Promise<(agent: AgentEntry) => AgentFacts> {
  const routes = countBy(content.routes.flatMap(({ rules }) => [...new Set(rules.flatMap(agentsIn))]));
  const jobs = countBy(content.jobs.map(({ agent }) => agent));
  const health = await readAccountHealth(database, agents);
  return ({ name }) => ({ routes: routes.get(name) ?? 0, jobs: jobs.get(name) ?? 0, accounts: health.get(name) });
}

function agentsIn({ agentRefs }: Table['content']['routes'][number]['rules'][number]): readonly string[] {
  return agentRefs.map(({ name }) => name);
}

function countBy(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
