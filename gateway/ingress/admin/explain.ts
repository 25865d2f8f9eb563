import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { TalariaError } from '../../../core/lib/errors.ts';
import { type Envelope, envelope, platforms } from '../../../core/route/envelope.ts';
import { type Explanation, explain } from '../../../core/route/explain.ts';
import { mayCall, type Principal } from '../../../core/route/principal.ts';
import type { ResolveQuery } from '../../../core/route/resolve.ts';
import { toldExplanation } from '../../../core/route/told-explanation.ts';
import { localPrincipal } from '../../admit/auth.ts';
import type { Table } from '../../config/table.ts';
import type { Database } from '../../db/pool.ts';
import { decideSticky } from '../../sessions/sticky.ts';
import { readBody } from '../body.ts';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';

export interface ExplainOptions extends AdmitOptions {
  readonly database: Database;
  readonly isRetired: (name: string) => boolean;
}

/** `POST /admin/v1/explain`: who would answer this message now, why, and what lost to it. Nothing is run. */
export function addExplain(app: FastifyInstance, options: ExplainOptions): void {
  app.post('/admin/v1/explain', { onRequest: admitBy(options, 'admin') }, async (request) => {
    const { table, principal } = admissionOf(request);
    const message = readMessage(request.body);
    const query = { envelope: message, principal: callerOf(message, table), isRetired: options.isRetired };
    const decide = (asked: ResolveQuery) => explain(table.routes, asked);
    const explanation = await decideSticky(options.database, query, decide, ({ outcome }) => outcome);
    const { revision, sequence } = table;
    return { ...toldExplanation(visibleTo(principal, explanation, table)), revision, sequence };
  });
}

/** Throws `agent_forbidden` when the outcome names an Agent that the principal may not call; rules of such Agents are left out. */
function visibleTo(principal: Principal, explanation: Explanation, { content }: Table): Explanation {
  const { agentName } = explanation.outcome;
  if (agentName !== undefined && !mayCall(principal, agentName)) {
    const message = 'The message would go to an Agent that this key may not call. Ask with a key that may.';
    throw new TalariaError('agent_forbidden', message);
  }
  const candidates = explanation.candidates.filter(({ route, rule }) => {
    const found = content.routes.find(({ name }) => name === route)?.rules.find(({ name }) => name === rule);
    return found?.agentRefs.some(({ name }) => mayCall(principal, name)) ?? principal.agents === '*';
  });
  return {
    ...explanation,
    candidates,
    omitted: explanation.omitted + explanation.candidates.length - candidates.length,
  };
}

const id = z.string().max(256);

/** The body of `POST /admin/v1/explain`: what is known of the message; everything else is absent. */
export const explainBodySchema = z.strictObject({
  platform: z.enum(platforms).optional().describe('Default: api.'),
  account: id.optional().describe('`<agent>/<name>` of the account that received it.'),
  chatId: id.optional(),
  chatType: z.enum(['direct', 'group', 'channel']).optional(),
  threadId: id.optional(),
  userId: id.optional(),
  userIdAlt: id.optional(),
  guildId: id.optional(),
  parentChatId: id.optional(),
  apiKey: id.optional().describe('Name of the gateway key that it comes with.'),
  model: z.string().max(512).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  claims: z.record(z.string(), z.unknown()).optional(),
  text: z.string().max(65_536).optional(),
});

function readMessage(body: unknown): Envelope {
  const { headers = {}, ...given } = readBody(explainBodySchema, body);
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return envelope({ ...fields, headers: lower });
}

/** The message's own caller: the gateway key it names, the Agent whose account received it, or anyone. */
function callerOf({ apiKey, account }: Envelope, table: Table): Principal {
  if (apiKey === '') {
    const [ownAgent] = account.split('/');
    return ownAgent === undefined || ownAgent === '' ? localPrincipal : { ...localPrincipal, ownAgent };
  }
  const key = table.content.gatewayKeys.find(({ name }) => name === apiKey);
  if (!key) throw new TalariaError('invalid_request', `There is no gateway key "${apiKey}".`, { param: 'apiKey' });
  const agents = key.agents.includes('*') ? '*' : key.agents;
  return { id: `gateway-key:${key.name}`, role: key.role, agents, keyName: key.name };
}
