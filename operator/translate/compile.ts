import type { AgentEntry, GatewayKeyEntry, JobEntry, RouteEntry, SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { CronJob } from '../../crds/cron-job.ts';
import type { Route } from '../../crds/route.ts';
import type { Declared, Resources, SecretResource } from '../resources.ts';
import { admit } from './admission.ts';
import { agentRules } from './agents.ts';
import { budgetLimits } from './budgets.ts';
import type { Entry, WantedCredential } from './candidate.ts';
import { withOneDefault } from './default-agent.ts';
import { jobRules } from './jobs.ts';
import { keyRules } from './keys.ts';
import { propose, type Settled, settle } from './proposal.ts';
import { type Published, sourceLookups } from './published.ts';
import { routeRules } from './routes.ts';

/** What the gateways get now, and what was decided about each object. Every list is sorted by name. */
export interface Compilation {
  readonly content: SnapshotContent;
  /** The values behind every credential name of the content, each once, sorted by name. */
  readonly credentials: readonly WantedCredential[];
  readonly agents: readonly Settled<Declared<Agent>, AgentEntry>[];
  readonly routes: readonly Settled<Declared<Route>, RouteEntry>[];
  readonly cronJobs: readonly Settled<Declared<CronJob>, JobEntry>[];
  readonly keys: readonly Settled<SecretResource, GatewayKeyEntry>[];
}

/**
 * Makes the next content of the snapshot. Pure, and independent of the order of its input. An entry that does not change
 * stays the object that is published, and one changed object costs little more than its own work.
 */
export function compile(resources: Resources, published: Published): Compilation {
  const lookups = sourceLookups(resources, published);
  const proposed = {
    agents: propose(resources.agents, agentRules, lookups),
    routes: propose(resources.routes, routeRules, lookups),
    cronJobs: propose(resources.cronJobs, jobRules, lookups),
    keys: propose(
      resources.secrets.filter((secret) => secret.gatewayKey),
      keyRules,
      lookups,
    ),
  };
  const short = admit(Object.values(proposed).flat(), budgetLimits);
  const agents = withOneDefault(settle(proposed.agents, short), lookups.publishedAgent);
  const routes = settle(proposed.routes, short, lookups.publishedRoute);
  const cronJobs = settle(proposed.cronJobs, short, lookups.publishedJob);
  const keys = settle(proposed.keys, short, lookups.publishedKey);
  const everything: readonly Settled<unknown, Entry>[] = [...agents, ...routes, ...cronJobs, ...keys];
  return {
    agents,
    routes,
    cronJobs,
    keys,
    credentials: distinctCredentials(everything),
    content: {
      agents: entriesOf(agents),
      routes: entriesOf(routes),
      jobs: entriesOf(cronJobs),
      gatewayKeys: entriesOf(keys),
      texts: textsOf(everything),
    },
  };
}

function entriesOf<E extends Entry>(settled: readonly Settled<unknown, E>[]): readonly E[] {
  return settled.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
}

function textsOf(settled: readonly Settled<unknown, Entry>[]): SnapshotContent['texts'] {
  const texts: Record<string, string> = {};
  for (const { candidate } of settled) for (const { hash, text } of candidate.texts) texts[hash] = text;
  return texts;
}

/** A name stands for one value, so of two with the same name the one that still has its value is as good. */
function distinctCredentials(settled: readonly Settled<unknown, Entry>[]): readonly WantedCredential[] {
  const wanted = new Map<string, WantedCredential>();
  for (const { candidate } of settled) {
    for (const credential of candidate.credentials) {
      if (wanted.get(credential.name)?.value === undefined) wanted.set(credential.name, credential);
    }
  }
  return [...wanted.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
