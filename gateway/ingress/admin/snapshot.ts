import type { FastifyInstance } from 'fastify';
import { mayCall, type Principal } from '../../../core/route/principal.ts';
import type { SnapshotContent } from '../../../core/snapshot/schema.ts';
import { textsOfAgent, textsOfJob } from '../../../core/snapshot/text-refs.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';

/**
 * `GET /admin/v1/snapshot`: what this replica serves, whole, or what of it belongs to the Agents that the key may call.
 * Credentials appear by name only.
 */
export function addSnapshot(app: FastifyInstance, options: AdmitOptions): void {
  app.get('/admin/v1/snapshot', { onRequest: admitBy(options, 'admin') }, (request) => {
    const { table, principal } = admissionOf(request);
    return { revision: table.revision, sequence: table.sequence, ...visibleTo(principal, table.content) };
  });
}

/** The Agents that a principal may call, and the Routes, CronJobs, gateway keys and texts that have to do with them. */
function visibleTo(principal: Principal, content: SnapshotContent): SnapshotContent & { readonly partial?: true } {
  if (principal.agents === '*') return content;
  const agents = content.agents.filter(({ name }) => mayCall(principal, name));
  const jobs = content.jobs.filter(({ agent }) => mayCall(principal, agent));
  const texts = new Set([...agents.flatMap(textsOfAgent), ...jobs.flatMap(textsOfJob)]);
  return {
    partial: true,
    agents,
    jobs,
    routes: content.routes.filter(({ rules }) =>
      rules.some(({ agentRefs }) => agentRefs.some(({ name }) => mayCall(principal, name))),
    ),
    gatewayKeys: content.gatewayKeys.filter((key) => key.agents.some((name) => mayCall(principal, name))),
    texts: Object.fromEntries(Object.entries(content.texts).filter(([hash]) => texts.has(hash))),
  };
}
