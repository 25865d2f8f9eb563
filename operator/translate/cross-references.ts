import { decideEgress } from '../../core/route/chat-egress.ts';
import type { AgentEntry, DeliverTarget, GatewayKeyEntry, JobEntry, RouteEntry } from '../../core/snapshot/schema.ts';
import type { Problem } from './candidate.ts';

/** What Routes and CronJobs refer to. Agents, keys and jobs are those in the snapshot. */
export type EntryLookups = {
  readonly agent: (name: string) => AgentEntry | undefined;
  readonly gatewayKey: (name: string) => GatewayKeyEntry | undefined;
  readonly job: (name: string) => JobEntry | undefined;
  /** Whether there is an Agent of that name, in the snapshot or not. */
  readonly declaredAgent: (name: string) => boolean;
  /** Whether Routes may give a chat to an agent, by the JSON of a RoutedChat and the agent. */
  readonly mayBeGiven: (chatAndAgent: string) => boolean;
};

/** What a Route refers to and does not find. The rule still matches, and is refused. */
export function routeProblems(route: RouteEntry, lookups: EntryLookups): readonly Problem[] {
  return route.rules.flatMap((rule) => {
    const where = `rule "${rule.name}"`;
    const agents = rule.agentRefs.map(({ name }) => name);
    return [
      ...agents.flatMap((name) => agentProblem(where, name, lookups)),
      ...rule.matches.flatMap(({ account, apiKey }) => [
        ...(account === undefined ? [] : agents.flatMap((agent) => accountProblem(where, account, agent, lookups))),
        ...(apiKey === undefined ? [] : gatewayKeyProblem(where, apiKey, lookups)),
      ]),
    ];
  });
}

/** What a CronJob refers to and does not find, besides Secrets and ConfigMaps. */
export function jobProblems(job: JobEntry, lookups: EntryLookups): readonly Problem[] {
  const targets = [...job.deliver, ...job.onFailure.deliver];
  return [
    ...agentProblem('agentRef', job.agent, lookups),
    ...targets.flatMap((target) => targetProblem(target, job.agent, lookups)),
    ...job.contextFrom.flatMap((name) => contextProblem(name, job.agent, lookups)),
  ];
}

function agentProblem(where: string, name: string, lookups: EntryLookups): Problem[] {
  if (lookups.agent(name) !== undefined) return [];
  const message = lookups.declaredAgent(name)
    ? `${where}: no generation of the Agent "${name}" was accepted yet; see its condition Accepted`
    : `${where}: the Agent "${name}" does not exist in the namespace`;
  return [{ reason: 'AgentNotFound', message }];
}

/** An account `<agent>/<name>` must exist, and be shared when another agent is to use it. */
function accountProblem(where: string, account: string, user: string, lookups: EntryLookups): Problem[] {
  return egressProblem(where, user, { account, chatId: '' }, lookups, () => true);
}

/** What gateways would refuse whatever is written in the chat. */
function targetProblem(target: DeliverTarget, agent: string, lookups: EntryLookups): Problem[] {
  const { name, account, chatId = '', threadId = '' } = target;
  if (account === undefined) return [];
  const chat = { account, chatId, threadId };
  return egressProblem(`target "${name}"`, agent, chat, lookups, (platform) =>
    lookups.mayBeGiven(JSON.stringify([{ ...chat, platform }, agent])),
  );
}

function egressProblem(
  where: string,
  agent: string,
  chat: Parameters<typeof decideEgress>[1],
  lookups: EntryLookups,
  isRouted: (platform: string) => boolean,
): Problem[] {
  const [owner = '', name = ''] = chat.account.split('/');
  const account = lookups.agent(owner)?.accounts.find((candidate) => candidate.name === name);
  const decided = decideEgress(agent, chat, { account, isRouted });
  return decided.kind === 'allowed' ? [] : [{ reason: decided.reason, message: `${where}: ${decided.message}` }];
}

function gatewayKeyProblem(where: string, name: string, lookups: EntryLookups): Problem[] {
  if (lookups.gatewayKey(name) !== undefined) return [];
  const message = `${where}: there is no gateway key "${name}"; label its Secret talaria.dev/gateway-key=true`;
  return [{ reason: 'GatewayKeyNotFound', message }];
}

function contextProblem(name: string, agent: string, lookups: EntryLookups): Problem[] {
  const job = lookups.job(name);
  if (job?.agent === agent) return [];
  const message =
    job === undefined
      ? `contextFrom: the CronJob "${name}" does not exist in the namespace, or was never accepted`
      : `contextFrom: the CronJob "${name}" belongs to the Agent "${job.agent}"`;
  return [{ reason: 'CronJobNotFound', message }];
}
