import type { ConditionReason } from '../../core/conditions.ts';
import { createChatRouting, type RoutedChat } from '../../core/route/chat-routing.ts';
import { findShadowed } from '../../core/route/shadow.ts';
import type { SnapshotContent } from '../../core/snapshot/schema.ts';
import { type EntryLookups, jobProblems, routeProblems } from '../../operator/translate/cross-references.ts';
import { unreachableText } from '../../operator/translate/verdicts.ts';
import { complaintsOf, complaintText } from '../complaints.ts';
import type { StoredAgent, StoredCronJob, StoredRoute } from '../remote/cluster-objects.ts';
import type { Column } from '../remote/output.ts';

/** Something about routing that cannot be as somebody wrote it. */
export interface Conflict {
  /** `Route/name`, `CronJob/name` or `Agent/name` */
  readonly object: string;
  readonly reason: string;
  readonly message: string;
}

/** Reasons of conditions that are about who gets which message. */
const routingReasons: ReadonlySet<string> = new Set<ConditionReason>([
  'AgentNotFound',
  'AccountNotFound',
  'AccountNotShared',
  'ChatNotRouted',
  'GatewayKeyNotFound',
  'RuleUnreachable',
  'AnotherDefault',
  'InvalidExpression',
  'TooManyExpressions',
]);

/** What the operator wrote about the objects of a cluster. */
export function conflictsInCluster(objects: {
  readonly agents: readonly StoredAgent[];
  readonly routes: readonly StoredRoute[];
  readonly cronJobs: readonly StoredCronJob[];
}): readonly Conflict[] {
  const of = (kind: string) => (object: StoredAgent | StoredRoute | StoredCronJob) =>
    complaintsOf(object)
      .filter(({ reason }) => routingReasons.has(reason))
      .map(({ reason, message }) => ({ object: `${kind}/${object.metadata.name}`, reason, message }));
  return [
    ...objects.routes.flatMap(of('Route')),
    ...objects.cronJobs.flatMap(of('CronJob')),
    ...objects.agents.flatMap(of('Agent')),
  ];
}

/** The same of what a gateway serves, found as the operator finds it. */
export function conflictsInSnapshot(content: SnapshotContent): readonly Conflict[] {
  const lookups = lookupsIn(content);
  return [
    ...content.routes.flatMap((route) => about(`Route/${route.name}`, routeProblems(route, lookups))),
    ...findShadowed(content.routes).map((shadowed) => ({
      object: `Route/${shadowed.route}`,
      reason: 'RuleUnreachable',
      message: unreachableText(shadowed),
    })),
    ...content.jobs.flatMap((job) => about(`CronJob/${job.name}`, jobProblems(job, lookups))),
    ...content.agents.filter((agent) => agent.origin?.default === true && !agent.default).map(anotherDefault),
  ];
}

function about(object: string, problems: ReturnType<typeof routeProblems>): readonly Conflict[] {
  return problems
    .filter(({ reason }) => routingReasons.has(reason))
    .map(({ reason, message }) => ({ object, reason, message }));
}

function anotherDefault({ name }: { readonly name: string }): Conflict {
  return {
    object: `Agent/${name}`,
    reason: 'AnotherDefault',
    message: 'another Agent is the default of the namespace',
  };
}

function lookupsIn({ agents, gatewayKeys, jobs, routes }: SnapshotContent): EntryLookups {
  const agent = new Map(agents.map((entry) => [entry.name, entry]));
  const gatewayKey = new Map(gatewayKeys.map((entry) => [entry.name, entry]));
  const job = new Map(jobs.map((entry) => [entry.name, entry]));
  const routing = createChatRouting(routes);
  return {
    agent: (name) => agent.get(name),
    gatewayKey: (name) => gatewayKey.get(name),
    job: (name) => job.get(name),
    declaredAgent: (name) => agent.has(name),
    mayBeGiven: (chatAndAgent) => routing.mayGive(...(JSON.parse(chatAndAgent) as [RoutedChat, string])),
  };
}

export const conflictColumns: readonly Column<Conflict>[] = [
  { title: 'OBJECT', cell: ({ object }) => object },
  { title: 'REASON', cell: ({ reason }) => reason },
  { title: 'MESSAGE', cell: (conflict) => complaintText('', conflict) },
];
