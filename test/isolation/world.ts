import type { MatchEntry } from '../../core/snapshot/schema.ts';
import type { AgentFields, ConfigurationFields, GatewayKeyFields, RuleFields } from '../harness/entries.ts';
import { hostileIds } from './ids.ts';
import type { Random } from './random.ts';

/** One Agent as it is now. Each incarnation, and each change of what it holds, has a tag and a model key of its own. */
export interface WorldAgent {
  readonly name: string;
  /** Rises when it is deleted and made again. */
  readonly incarnation: number;
  readonly uid: string;
  /** Stands in its instructions and in those of no other. */
  readonly tag: string;
  /** What its model is called with. */
  readonly modelKey: string;
  readonly apiKeys: readonly string[];
  readonly refuse: 'agent_suspended' | 'agent_not_ready' | undefined;
}

/** Everything that is declared at one time; a change makes a new one. */
export interface World {
  /** Rises with every change. */
  readonly revision: number;
  readonly agents: ReadonlyMap<string, WorldAgent>;
  /** Names of Agents that are gone. */
  readonly retired: ReadonlySet<string>;
  /** How often each name was made. */
  readonly incarnations: ReadonlyMap<string, number>;
  readonly defaultAgent: string | undefined;
  readonly routes: Readonly<Record<string, readonly RuleFields[]>>;
  readonly gatewayKeys: readonly GatewayKeyFields[];
}

export const agentNames: readonly string[] = Array.from({ length: 50 }, (_, at) => `a${at}`);
const most = agentNames.length;

/** Two Agents have this key between them. */
export const sharedKey = 'key-of-a3-and-a30';

/** The first world of a run. */
export function createWorld(random: Random): World {
  const names = agentNames.slice(0, most - 2);
  const agents = new Map(names.map((name) => [name, newAgent(random, name, { incarnation: 1, revision: 1 })]));
  const routes: Record<string, readonly RuleFields[]> = {};
  for (let at = 0; at < routeCount; at += 1) routes[`route-${at}`] = newRules(random);
  const gatewayKeys: readonly GatewayKeyFields[] = [
    { name: 'all', key: 'key-all' },
    { name: 'second', key: 'key-second' },
    { name: 'narrow', key: 'key-narrow', agents: agentNames.slice(0, 10) },
    { name: 'one', key: 'key-one', agents: ['a7'] },
  ];
  const incarnations = new Map(names.map((name) => [name, 1]));
  return { revision: 1, agents, retired: new Set(), incarnations, defaultAgent: 'a0', routes, gatewayKeys };
}

const routeCount = 60;

/** The world after one change: an Agent is made, changed, suspended, deleted or made again, or a Route changes. */
export function changeWorld(random: Random, world: World): World {
  const revision = world.revision + 1;
  const kind = random.below(10);
  if (kind < 3) return { ...world, revision, routes: changeRoutes(random, world.routes) };
  if (kind === 3)
    return { ...world, revision, defaultAgent: random.chance(0.15) ? undefined : random.pick(agentNames) };
  return changeAgent(random, { ...world, revision }, kind);
}

function changeAgent(random: Random, world: World, kind: number): World {
  const { revision } = world;
  const name = random.pick(agentNames);
  const agents = new Map(world.agents);
  const known = agents.get(name);
  if (known !== undefined && kind === 4 && agents.size > most - 6) {
    agents.delete(name);
    return { ...world, agents, retired: new Set([...world.retired, name]) };
  }
  if (known !== undefined && kind < 8) {
    agents.set(name, newAgent(random, name, { incarnation: known.incarnation, revision }));
    return { ...world, agents };
  }
  // Deleted and made again between two looks, or made (again) after its name was free for a while.
  const incarnation = (world.incarnations.get(name) ?? 0) + 1;
  agents.set(name, newAgent(random, name, { incarnation, revision }));
  const retired = new Set([...world.retired].filter((other) => other !== name));
  return { ...world, agents, retired, incarnations: new Map([...world.incarnations, [name, incarnation]]) };
}

/** As a configuration source would hand it over. */
export function fieldsOf(world: World, model: (agent: WorldAgent) => AgentFields['model']): ConfigurationFields {
  const inOrder = [...world.agents.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  const agents = inOrder.map((agent) => ({
    name: agent.name,
    uid: agent.uid,
    generation: world.revision,
    default: agent.name === world.defaultAgent,
    instructions: `You are <${agent.tag}>.`,
    apiKeys: agent.apiKeys,
    model: { apiKey: credentialOf(agent), ...model(agent) },
    sessions: { maxHistoryMessages: 1_000 },
    ...(agent.refuse === undefined ? {} : { refuse: agent.refuse }),
  }));
  const credentials = Object.fromEntries(inOrder.map((agent) => [credentialOf(agent), agent.modelKey]));
  return { agents, routes: world.routes, gatewayKeys: world.gatewayKeys, credentials };
}

/** One name for all its values, as when the key in a Secret is rotated. */
function credentialOf({ name }: WorldAgent): string {
  return `${name}.model.v1`;
}

interface Age {
  readonly incarnation: number;
  readonly revision: number;
}

function newAgent(random: Random, name: string, { incarnation, revision }: Age): WorldAgent {
  const drawn = random.next();
  return {
    name,
    incarnation,
    uid: `uid-${name}-${incarnation}`,
    tag: `tag-${name}-${incarnation}-${revision}`,
    modelKey: `sk-${name}-${incarnation}-${revision}`,
    apiKeys: [`key-of-${name}`, ...(name === 'a3' || name === 'a30' ? [sharedKey] : [])],
    refuse: drawn < 0.04 ? 'agent_suspended' : drawn < 0.06 ? 'agent_not_ready' : undefined,
  };
}

function changeRoutes(random: Random, routes: World['routes']): World['routes'] {
  const name = `route-${random.below(routeCount)}`;
  const { [name]: known, ...others } = routes;
  return known !== undefined && random.chance(0.2) ? others : { ...others, [name]: newRules(random) };
}

function newRules(random: Random): readonly RuleFields[] {
  return Array.from({ length: 1 + random.below(2) }, (_, at) => ({
    name: `rule-${at}`,
    match: Array.from({ length: 1 + random.below(2) }, () => newMatch(random)),
    to: random.chance(0.75) ? random.pick(agentNames) : newWeights(random),
    ...(random.chance(0.3) ? { sessionScope: random.pick(['User', 'Chat'] as const) } : {}),
  }));
}

function newMatch(random: Random): MatchEntry {
  const id = () => random.pick(hostileIds);
  const drawn = random.below(100);
  if (drawn < 25) return { chatId: id() };
  if (drawn < 40) return { userId: id() };
  if (drawn < 50) return { threadId: id(), chatId: id() };
  if (drawn < 60) return { chatId: id(), userId: id() };
  if (drawn < 70) return { threadId: id() };
  if (drawn < 76) return { apiKey: random.pick(['narrow', 'one']), userId: id() };
  if (drawn < 84) return { model: random.pick(freeModels), userId: id() };
  if (drawn < 94) return { headers: [{ name: 'X-Team', value: random.pick(['red', 'blue', 'a1']) }], chatId: id() };
  return { expression: random.pick(routeExpressions), userId: id() };
}

/** Names of models that are no Agent's. */
export const freeModels = ['gpt', 'gpt-4', 'talaria', 'A1'] as const;
/** Those of the slow reference; the last one fails for a message without the header. */
const routeExpressions = [
  'chatId.startsWith("c")',
  'platform == "api" || userId == "u1"',
  'headers["x-team"] == "red"',
] as const;

function newWeights(random: Random): Readonly<Record<string, number>> {
  const names = Array.from({ length: 2 + random.below(2) }, () => random.pick(agentNames));
  return Object.fromEntries(names.map((name) => [name, random.chance(0.15) ? 0 : 1 + random.below(3)]));
}
