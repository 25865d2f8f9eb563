import { type Envelope, envelope } from '../../core/route/envelope.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { ResolveQuery } from '../../core/route/resolve.ts';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import { referenceOutcomes, referenceWinner } from '../unit/core/route/reference.ts';
import type { Asked } from './request.ts';
import type { World, WorldAgent } from './world.ts';

/** What may come of a request: an answer of one of these Agents, or a refusal with one of these codes. */
export interface Prediction {
  readonly agents: readonly WorldAgent[];
  readonly codes: readonly string[];
}

/** What may come in either of two worlds. */
export function eitherOf(one: Prediction, other: Prediction): Prediction {
  return { agents: [...one.agents, ...other.agents], codes: [...one.codes, ...other.codes] };
}

/** What the request's answer depends on beside the request: what the database would say. */
export type Known = Pick<ResolveQuery, 'bound' | 'boundMissing' | 'stickyAgent'>;

/**
 * What the design says of a request, worked out without the code that is tested: the key first, then the headers, then the
 * slow reference of routing.
 */
export function predict(world: World, content: SnapshotContent, asked: Asked, known: Known = {}): Prediction {
  const principal = principalOf(world, asked.key);
  if (principal === undefined) return refusal('invalid_key');
  if (asked.broken) return refusal('invalid_header');
  const message = messageOf(asked, principal);
  const isRetired = (name: string) => world.retired.has(name);
  const outcomes = referenceOutcomes(content, { envelope: message, principal, isRetired, ...known });
  const names = outcomes.flatMap((text) => /^agent (\S+) by /.exec(text)?.[1] ?? []);
  const codes = outcomes.flatMap((text) => /^refused (\S+)$/.exec(text)?.[1] ?? []);
  return { agents: names.flatMap((name) => world.agents.get(name) ?? []), codes };
}

/** The same where some session that is not looked at may hold the conversation to any agent of a rule that splits. */
export function predictWithSessions(world: World, content: SnapshotContent, asked: Asked, known: Known): Prediction {
  const principal = principalOf(world, asked.key);
  const winner = principal && referenceWinner(content.routes, messageOf(asked, principal));
  const held = (winner?.rule.agentRefs ?? []).map(({ name }) => ({ ...known, stickyAgent: name }));
  return [known, ...held].map((one) => predict(world, content, asked, one)).reduce(eitherOf);
}

function messageOf({ model, chatId, userId, threadId, team }: Asked, { keyName }: Principal): Envelope {
  const headers: Record<string, string> = team === '' ? {} : { 'x-team': team };
  return envelope({ model, chatId, userId, threadId, apiKey: keyName ?? '', headers });
}

function refusal(code: string): Prediction {
  return { agents: [], codes: [code] };
}

/** What must come of a run that was accepted for this Agent, in the world in which a worker takes it. */
export function predictRun(world: World, accepted: Pick<WorldAgent, 'name' | 'uid'>): Prediction {
  const agent = world.agents.get(accepted.name);
  if (agent === undefined) return refusal('model_not_found');
  if (agent.refuse !== undefined) return refusal(agent.refuse);
  if (agent.uid !== accepted.uid) return refusal('agent_replaced');
  return { agents: [agent], codes: [] };
}

/** Whom a key speaks for; undefined when nobody gave it out. */
export function principalOf(world: World, key: string | undefined): Principal | undefined {
  const gatewayKey = world.gatewayKeys.find((known) => known.key === key);
  if (gatewayKey !== undefined) {
    const { name, agents = '*' } = gatewayKey;
    return { id: `gateway-key:${name}`, role: 'client', agents, keyName: name };
  }
  const owners = [...world.agents.values()].filter(({ apiKeys }) => key !== undefined && apiKeys.includes(key));
  const names = owners.map(({ name }) => name).sort();
  const first = owners.find(({ name }) => name === names[0]);
  if (first === undefined) return undefined;
  const id = `agent-key:${first.name}/key${first.apiKeys.indexOf(key ?? '')}`;
  return { id, role: 'client', agents: names, ownAgent: first.name };
}
