import type { ConfigMap, Lease } from '../../core/kube/resources.ts';
import { acknowledgementLeasePrefix, sequenceAnnotation } from '../../core/snapshot/acknowledgement.ts';
import { indexKey } from '../../core/snapshot/names.ts';
import { publishedSequence } from '../remote/published-sequence.ts';
import { type Finding, findings, roughly } from './finding.ts';
import { type Reading, unread } from './reading.ts';

/** What operator and gateways say of themselves in the API. */
export interface ControlFacts {
  readonly leases: Reading<readonly Lease[]>;
  /** The same a while later, when some looked stale; else the same as `leases`. */
  readonly leasesLater: Reading<readonly Lease[]>;
  /** The ConfigMap `talaria-snapshot`. */
  readonly index: Reading<ConfigMap | undefined>;
  /** The time of the API server at the first reading, Unix milliseconds. */
  readonly serverTime: number;
}

export const operatorLeaseName = 'talaria-operator';

/** A lease is given this much longer than its duration. */
const slackMs = 5_000;
/** A gateway takes a new snapshot within this time. */
const takeOverMs = 30_000;

/** Whether an operator leads, what it published, and whether the gateways serve that. */
export function judgeControl({ leases, leasesLater, index, serverTime }: ControlFacts): readonly Finding[] {
  if ('failure' in leases) return [unread('leader', 'The leases', leases.failure)];
  const renewed = renewedBetween(leases.value, 'value' in leasesLater ? leasesLater.value : []);
  const seen = leases.value.map((lease) => ({ lease, isLive: renewed(lease) || !isStale(lease, serverTime) }));
  const gateways = seen.filter(({ lease }) => lease.metadata.name.startsWith(acknowledgementLeasePrefix));
  const leader = seen.find(({ lease }) => lease.metadata.name === operatorLeaseName);
  const live = gateways.filter(({ isLive }) => isLive).map(({ lease }) => lease);
  return [
    judgeLeader(leader, serverTime),
    ...judgeClocks(
      seen.filter(({ isLive }) => isLive).map(({ lease }) => lease),
      serverTime,
    ),
    ...judgePublished(index, live, gateways.length, serverTime),
  ];
}

/** By the clock of the API server, the lease was not renewed in time. */
export function isStale(lease: Lease, serverTime: number): boolean {
  return serverTime - renewTime(lease) > (lease.spec?.leaseDurationSeconds ?? 0) * 1_000 + slackMs;
}

function renewTime({ spec }: Lease): number {
  return Date.parse(spec?.renewTime ?? '') || 0;
}

function renewedBetween(before: readonly Lease[], later: readonly Lease[]): (lease: Lease) => boolean {
  const first = new Map(before.map((lease) => [lease.metadata.name, lease.spec?.renewTime]));
  const renewed = later.filter(({ metadata, spec }) => first.get(metadata.name) !== spec?.renewTime);
  const names = new Set(renewed.map(({ metadata }) => metadata.name));
  return ({ metadata }) => names.has(metadata.name);
}

function judgeLeader(
  leader: { readonly lease: Lease; readonly isLive: boolean } | undefined,
  serverTime: number,
): Finding {
  const { ok, fail } = findings('leader');
  const cure = 'The findings about the operator and its pods say why none leads.';
  if (leader === undefined) return fail('No operator has ever led in this namespace.', cure);
  const { lease, isLive } = leader;
  const holder = lease.spec?.holderIdentity ?? '';
  if (holder === '') return fail('The last operator gave up the lead, and no other took it.', cure);
  if (isLive) return ok(holder.split('_')[0] ?? holder);
  return fail(
    `${holder.split('_')[0]} held the lead and has not renewed it for ${roughly(serverTime - renewTime(lease))}.`,
    cure,
  );
}

/** A lease that is alive was renewed a moment ago, whatever it says. */
function judgeClocks(live: readonly Lease[], serverTime: number): Finding[] {
  const { warn } = findings('clocks');
  return live.flatMap((lease) => {
    const ahead = renewTime(lease) - serverTime;
    const limit = (lease.spec?.leaseDurationSeconds ?? 0) * 1_000 + slackMs;
    if (ahead < slackMs && ahead > -limit) return [];
    const side = ahead > 0 ? 'ahead of' : 'behind';
    return [
      warn(
        `The node of ${lease.spec?.holderIdentity?.split('_')[0]} is ${roughly(ahead)} ${side} the API server.`,
        'Set the clocks of the nodes by NTP: slots of CronJobs start by them.',
      ),
    ];
  });
}

function judgePublished(
  index: ControlFacts['index'],
  live: readonly Lease[],
  known: number,
  serverTime: number,
): Finding[] {
  const { fail } = findings('snapshot');
  if ('failure' in index) return [unread('snapshot', 'The snapshot', index.failure)];
  const text = index.value?.data?.[indexKey];
  if (text === undefined)
    return [fail('The operator has published nothing.', 'The findings about the operator say why.')];
  const sequence = publishedSequence(text);
  if (sequence === undefined) {
    return [
      fail('The published index cannot be read by this release.', 'Run the talaria of the release that is installed.'),
    ];
  }
  return [judgeServing(live, known), ...behind(live, sequence, serverTime)];
}

function judgeServing(live: readonly Lease[], known: number): Finding {
  const { ok, fail } = findings('snapshot');
  if (live.length > 0) return ok(`served by ${live.length} gateway${live.length === 1 ? '' : 's'}`);
  const before =
    known === 0 ? 'No gateway has ever acknowledged' : `None of the ${known} gateways that served still acknowledges`;
  return fail(`${before} a snapshot.`, 'The findings about the gateway and its pods say why.');
}

function behind(live: readonly Lease[], sequence: number, serverTime: number): Finding[] {
  const { fail } = findings('snapshot');
  // A sequence is about the time at which it was published.
  if (serverTime - sequence < takeOverMs) return [];
  const late = live.filter(({ metadata }) => Number(metadata.annotations?.[sequenceAnnotation]) < sequence);
  return late.map(({ spec, metadata }) =>
    fail(
      `${spec?.holderIdentity} serves ${metadata.annotations?.[sequenceAnnotation]}, published is ${sequence} since ${roughly(serverTime - sequence)}.`,
      'See its log for why it refuses the newer one; a restart of the pod reads all anew.',
    ),
  );
}
