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

/**
 * The Agents that a principal may call, and the CronJobs, texts, rules of Routes and gateway keys that have to do with them. A
 * rule names whoever else it splits its messages with; of a gateway key, only the callable Agents are told.
 */
function visibleTo(principal: Principal, content: SnapshotContent): SnapshotContent & { readonly partial?: true } {
  if (principal.agents === '*') return content;
  const agents = content.agents.filter(({ name }) => mayCall(principal, name));
  const jobs = content.jobs.filter(({ agent }) => mayCall(principal, agent));
  const isCallable = (name: string): boolean => mayCall(principal, name);
  const texts = new Set([...agents.flatMap(textsOfAgent), ...jobs.flatMap(textsOfJob)]);
  return {
    partial: true,
    agents,
    jobs,
    routes: content.routes
      .map((route) => ({
        ...route,
        rules: route.rules.filter(({ agentRefs }) => agentRefs.some(({ name }) => isCallable(name))),
      }))
      .filter(({ rules }) => rules.length > 0),
    gatewayKeys: content.gatewayKeys
      .map((key) => ({ ...key, agents: key.agents.filter(isCallable) }))
      .filter((key) => key.agents.length > 0),
    texts: Object.fromEntries(Object.entries(content.texts).filter(([hash]) => texts.has(hash))),
  };
}
