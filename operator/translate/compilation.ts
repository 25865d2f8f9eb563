import type { AgentEntry, GatewayKeyEntry, JobEntry, RouteEntry, SnapshotContent } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { CronJob } from '../../crds/cron-job.ts';
import type { Route } from '../../crds/route.ts';
import type { Declared, Resources, SecretResource } from '../resources.ts';
import type { WantedCredential } from './candidate.ts';
import type { Settled } from './proposal.ts';

/** What the gateways get now, and what was decided about each object. Every list is sorted by name. */
export interface Compilation {
  readonly content: SnapshotContent;
  /** The values behind every credential name of the content, each once, sorted by name. */
  readonly credentials: readonly WantedCredential[];
  readonly agents: readonly Settled<Declared<Agent>, AgentEntry>[];
  readonly routes: readonly Settled<Declared<Route>, RouteEntry>[];
  readonly cronJobs: readonly Settled<Declared<CronJob>, JobEntry>[];
  readonly keys: readonly Settled<SecretResource, GatewayKeyEntry>[];
  readonly basis: Basis;
}

/** What a compilation was made from, so that the next may start from it. */
export interface Basis {
  readonly resources: Resources;
  readonly versionKey: string;
  /** What is left of each budget; undefined where not everything fits as it is. */
  readonly spare: readonly number[] | undefined;
}
