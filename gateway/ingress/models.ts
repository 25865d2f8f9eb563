import type { FastifyInstance } from 'fastify';
import { TalariaError } from '../../core/lib/errors.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import { callableAgents, modelName } from '../config/listing.ts';
import { type AdmitOptions, admissionOf, admitBy } from './request.ts';

/** `GET /v1/models` and `/v1/models/{id}`: the Agents that this principal may call, as models. */
export function addModels(app: FastifyInstance, options: AdmitOptions): void {
  const onRequest = admitBy(options);
  app.get('/v1/models', { onRequest }, async (request) => {
    const { table, principal } = admissionOf(request);
    return { object: 'list', data: callableAgents(table, principal).map(toModel) };
  });
  const one = async (id: string, { table, principal }: ReturnType<typeof admissionOf>) => {
    const agent = callableAgents(table, principal).find(({ name }) => modelName(name) === id || name === id);
    if (agent) return toModel(agent);
    throw new TalariaError(
      'model_not_found',
      `There is no model ${id.slice(0, 100)} for this key. GET /v1/models lists them.`,
    );
  };
  // The id holds a slash, which clients send as it is or encoded.
  app.get<{ Params: { id: string } }>('/v1/models/:id', { onRequest }, (request) =>
    one(request.params.id, admissionOf(request)),
  );
  app.get<{ Params: { prefix: string; name: string } }>('/v1/models/:prefix/:name', { onRequest }, (request) =>
    one(`${request.params.prefix}/${request.params.name}`, admissionOf(request)),
  );
}

/** `created` is not known to a gateway; the clients that show it take 0 as "never". */
function toModel(agent: AgentEntry): object {
  return {
    id: modelName(agent.name),
    object: 'model',
    created: 0,
    owned_by: 'talaria',
    ...(agent.displayName === undefined ? {} : { name: agent.displayName }),
    ...(agent.description === undefined ? {} : { description: agent.description }),
  };
}
