import type { AgentEntry, GatewayKeyEntry, JobEntry, RouteEntry } from '../../core/snapshot/schema.ts';
import type { Problem } from './candidate.ts';

/** What Routes and CronJobs refer to. Agents, keys and jobs are those in the snapshot. */
export type EntryLookups = {
  readonly agent: (name: string) => AgentEntry | undefined;
  readonly gatewayKey: (name: string) => GatewayKeyEntry | undefined;
  readonly job: (name: string) => JobEntry | undefined;
  /** Whether there is an Agent of that name, in the snapshot or not. */
  readonly declaredAgent: (name: string) => boolean;
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
    ...targets.flatMap(({ name, account }) =>
      account === undefined ? [] : accountProblem(`target "${name}"`, account, job.agent, lookups),
    ),
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
  const [owner = '', name = ''] = account.split('/');
  const found = lookups.agent(owner)?.accounts.find((candidate) => candidate.name === name);
  if (found === undefined) {
    const message = `${where}: the Agent "${owner}" has no account "${name}"`;
    return [{ reason: 'AccountNotFound', message }];
  }
  if (owner === user || found.shared) return [];
  const message = `${where}: the account "${account}" is not shared with the Agent "${user}"; set shared: true on it`;
  return [{ reason: 'AccountNotShared', message }];
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
