import { homeInPod } from '../../core/homes.ts';
import type { AgentEntry, JobEntry, RouteEntry } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { Kind } from '../../crds/common.ts';
import type { CronJob } from '../../crds/cron-job.ts';
import type { Route } from '../../crds/route.ts';
import type { AgentVolume, Declared } from '../resources.ts';
import type { Entry } from './candidate.ts';
import type { Compilation } from './compilation.ts';
import { jobProblems, routeProblems } from './cross-references.ts';
import { asksForDefault } from './default-agent.ts';
import { faultOf } from './fault.ts';
import { memoised } from './memo.ts';
import type { Settled } from './proposal.ts';
import { agentsOf, type ReportLookups, reportLookups } from './report-lookups.ts';
import {
  acceptedVerdict,
  limitedVerdicts,
  profileReadyVerdict,
  resolvedRefsVerdict,
  shadowedVerdicts,
  type Verdict,
} from './verdicts.ts';

/** What translate says about one object; acknowledgements and times come to it later. */
export interface ObjectReport {
  /** `<kind>/<name>` */
  readonly key: string;
  readonly kind: Kind;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** What the snapshot holds of it; undefined: nothing. */
  readonly entry: Entry | undefined;
  readonly suspended: boolean;
  readonly verdicts: readonly Verdict[];
  /** Status fields besides observedGeneration and conditions. */
  readonly fields: Readonly<Record<string, string | number>>;
}

/** A gateway key that is refused, and why. The key keeps its last good form. */
export interface KeyFault {
  readonly name: string;
  readonly uid: string;
  readonly message: string;
}

/** What there is to say about the objects of a compilation, sorted by kind and name. */
export interface Report {
  readonly objects: readonly ObjectReport[];
  readonly keyFaults: readonly KeyFault[];
  /** Objects about which nothing can be said, because our own code fails on them; they are not among `objects`. */
  readonly unreported: readonly Unreported[];
}

export interface Unreported {
  /** `<kind>/<name>` */
  readonly key: string;
  readonly uid: string;
  readonly generation: number;
  /** Where our own code failed, without what the error says. */
  readonly fault: string;
}

/**
 * Decides the conditions that need no acknowledgement. An object about which nothing changed gets the same report again.
 * One on which our own code fails is in `unreported`, and all others have theirs.
 */
export function report(compilation: Compilation): Report {
  const { agents, routes, cronJobs, keys } = compilation;
  const lookups = reportLookups(compilation);
  const unreported: Unreported[] = [];
  const reports = <S extends AnySettled>(
    list: readonly S[],
    make: (settled: S, lookups: ReportLookups) => ObjectReport,
  ) =>
    list.flatMap((settled) => {
      try {
        return [make(settled, lookups)];
      } catch (error) {
        const { kind, name, uid, generation } = settled.declared;
        unreported.push({ key: `${kind}/${name}`, uid, generation, fault: faultOf(error) });
        return [];
      }
    });
  return {
    objects: [...reports(agents, agentReport), ...reports(cronJobs, jobReport), ...reports(routes, routeReport)],
    unreported,
    keyFaults: keys.flatMap(({ declared: { name, uid }, rejection }) =>
      rejection === undefined ? [] : [{ name, uid, message: rejection.message }],
    ),
  };
}

const agentReport = memoised((settled: Settled<Declared<Agent>, AgentEntry>, lookups: ReportLookups): ObjectReport => {
  const { declared, entry, about } = settled;
  const { name, generation } = declared;
  const volume = entry?.origin?.volume && lookups.volume(name);
  const winner = entry !== undefined && asksForDefault(entry) ? lookups.defaultAgent('') : undefined;
  const anotherDefault =
    winner === undefined || winner === name
      ? []
      : [`the default is the Agent "${winner}": of those that ask for it the oldest, then the first by name`];
  return {
    ...aboutObject(settled),
    verdicts: [
      acceptedVerdict(settled),
      ...(about.entry === undefined ? [] : [resolvedRefsVerdict(settled, about.problems)]),
      profileReadyVerdict(settled, volume),
      ...shadowedVerdicts('AnotherDefault', generation, anotherDefault),
      ...limitedVerdicts(settled),
    ],
    fields: {
      home: homeInPod(name),
      routes: lookups.routesOf(name),
      cronJobs: lookups.cronJobsOf(name),
      ...claimOf(volume),
    },
  };
});

function claimOf(volume: AgentVolume | undefined): { readonly claimName?: string } {
  return volume?.claimName === undefined ? {} : { claimName: volume.claimName };
}

const routeReport = memoised((settled: Settled<Declared<Route>, RouteEntry>, lookups: ReportLookups): ObjectReport => {
  const { declared, entry, about } = settled;
  const unreachable = entry === undefined ? '' : lookups.shadowed(declared.name);
  return {
    ...aboutObject(settled),
    verdicts: [
      acceptedVerdict(settled),
      ...(about.entry === undefined ? [] : [resolvedRefsVerdict(settled, routeProblems(about.entry, lookups))]),
      ...shadowedVerdicts('RuleUnreachable', entry?.generation ?? 0, unreachable === '' ? [] : unreachable.split('\n')),
      ...limitedVerdicts(settled),
    ],
    fields:
      about.entry === undefined ? {} : { rules: about.entry.rules.length, agents: inShort(agentsOf(about.entry)) },
  };
});

const jobReport = memoised((settled: Settled<Declared<CronJob>, JobEntry>, lookups: ReportLookups): ObjectReport => {
  const { about } = settled;
  const problems = about.entry === undefined ? [] : [...about.problems, ...jobProblems(about.entry, lookups)];
  return {
    ...aboutObject(settled),
    verdicts: [
      acceptedVerdict(settled),
      ...(about.entry === undefined ? [] : [resolvedRefsVerdict(settled, problems)]),
      ...limitedVerdicts(settled),
    ],
    fields: {},
  };
});

type AnySettled = Settled<Omit<Declared<Agent>, 'spec'>, Entry>;

function aboutObject({ declared, entry }: AnySettled) {
  const { kind, name, uid, generation, suspend } = declared;
  return { key: `${kind}/${name}`, kind, name, uid, generation, entry, suspended: suspend };
}

/** `a, b +3` */
function inShort(agents: readonly string[]): string {
  const shown = agents.slice(0, 2).join(', ');
  return agents.length > 2 ? `${shown} +${agents.length - 2}` : shown;
}
