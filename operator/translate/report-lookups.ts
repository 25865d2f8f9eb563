import { type ChatRouting, createChatRouting, type RoutedChat } from '../../core/route/chat-routing.ts';
import { findShadowed } from '../../core/route/shadow.ts';
import type { RouteEntry } from '../../core/snapshot/schema.ts';
import type { AgentVolume } from '../resources.ts';
import type { Compilation } from './compilation.ts';
import type { EntryLookups } from './cross-references.ts';
import { unreachableText } from './verdicts.ts';

/** What the report about one object may ask about all others. */
export type ReportLookups = EntryLookups & {
  /** One line for each rule of a Route that is never reached. */
  readonly shadowed: (route: string) => string;
  /** How many Routes and CronJobs name an Agent. */
  readonly routesOf: (agent: string) => number;
  readonly cronJobsOf: (agent: string) => number;
  /** What became of the volume of an Agent that asks for one. */
  readonly volume: (agent: string) => AgentVolume | undefined;
  /** The Agent that serves what no rule matched; its argument has no meaning. */
  readonly defaultAgent: (nothing: string) => string | undefined;
};

/** Answers from a compilation. Throws where our own code fails on what concerns all, such as the proof of shadowed rules. */
export function reportLookups({ agents, content, basis }: Compilation): ReportLookups {
  const agent = new Map(content.agents.map((entry) => [entry.name, entry]));
  const gatewayKey = new Map(content.gatewayKeys.map((entry) => [entry.name, entry]));
  const job = new Map(content.jobs.map((entry) => [entry.name, entry]));
  const declared = new Set(agents.map((settled) => settled.declared.name));
  const shadowed = Map.groupBy(findShadowed(content.routes), ({ route }) => route);
  const routesOf = countByAgent(content.routes.map(agentsOf));
  const cronJobsOf = countByAgent(content.jobs.map((entry) => [entry.agent]));
  const volume = new Map((basis.resources.volumes ?? []).map((found) => [found.agent, found]));
  const defaultAgent = content.agents.find((entry) => entry.default)?.name;
  return {
    agent: (name) => agent.get(name),
    gatewayKey: (name) => gatewayKey.get(name),
    job: (name) => job.get(name),
    declaredAgent: (name) => declared.has(name),
    mayBeGiven: chatQuestions(content.routes),
    shadowed: (route) => (shadowed.get(route) ?? []).map(unreachableText).join('\n'),
    routesOf: (name) => routesOf.get(name) ?? 0,
    cronJobsOf: (name) => cronJobsOf.get(name) ?? 0,
    volume: (name) => volume.get(name),
    defaultAgent: () => defaultAgent,
  };
}

/** Routes are indexed when the first CronJob asks: most namespaces have none that writes through another Agent's account. */
function chatQuestions(routes: readonly RouteEntry[]): EntryLookups['mayBeGiven'] {
  const answers = new Map<string, boolean>();
  let routing: ChatRouting | undefined;
  return (chatAndAgent) => {
    const known = answers.get(chatAndAgent);
    if (known !== undefined) return known;
    routing ??= createChatRouting(routes);
    const [chat, agent] = JSON.parse(chatAndAgent) as [RoutedChat, string];
    const answer = routing.mayGive(chat, agent);
    answers.set(chatAndAgent, answer);
    return answer;
  };
}

function countByAgent(lists: readonly (readonly string[])[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const agents of lists) for (const agent of agents) counts.set(agent, (counts.get(agent) ?? 0) + 1);
  return counts;
}

const agentsOfRoute = new WeakMap<RouteEntry, readonly string[]>();

/** The Agents that a Route names, each once, in the order of its rules. */
export function agentsOf(route: RouteEntry): readonly string[] {
  const known = agentsOfRoute.get(route);
  if (known !== undefined) return known;
  const agents = [...new Set(route.rules.flatMap((rule) => rule.agentRefs.map(({ name }) => name)))];
  agentsOfRoute.set(route, agents);
  return agents;
}
