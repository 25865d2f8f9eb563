import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { sleep } from '../lib/sleep.ts';
import { hasStatus, isConflict } from './kube-error.ts';
import { microTime } from './micro-time.ts';
import { type Lease, leases } from './resources.ts';
import type { KubeClient } from './types.ts';

/** Competes for one Lease. At most one candidate leads as long as clocks run at about the same speed. */
export interface LeaderElection {
  readonly start: () => void;
  /** Gives the lease up when held, so that the next candidate need not wait for its expiry. */
  readonly stop: () => Promise<void>;
  /** True only while the lease was renewed recently enough on our own clock. Ask before every write. */
  readonly isLeader: () => boolean;
  /** What stands in the Lease while we hold it. */
  readonly identity: string;
}

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly leaseName: string;
  /** Name of the pod; a random part is added, for a restarted process must not take its former self for itself. */
  readonly candidate: string;
  readonly onElected: () => void;
  /** Called once, after having led. The process must exit: another leader may be at work. */
  readonly onLost: () => void;
  readonly log: Logger;
  readonly clock: Clock;
  readonly timing?: LeaderTiming | undefined;
}

export interface LeaderTiming {
  /** Others may take over this long after they last saw the lease change. */
  readonly durationMs: number;
  /** The leader gives up when it could not renew for this long; shorter than `durationMs`. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

const defaultTiming: LeaderTiming = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, leaseName, clock, log } = options;
  const timing = options.timing ?? defaultTiming;
  const identity = `${options.candidate}_${randomUUID()}`;
  const stopping = new AbortController();
  const observed = createObservation(clock);
  /** Monotonic time at which the last successful renewal was sent; undefined while not leading. */
  let renewedAt: number | undefined;
  let held: Lease | undefined;
  /** We sent a claim to the lease, so it may be ours even if no answer came. */
  let claimed = false;
  let running: Promise<void> = Promise.resolve();

  const isLeader = (): boolean =>
    renewedAt !== undefined && clock.monotonic() - renewedAt < timing.renewDeadlineMs && !stopping.signal.aborted;

  /** A call of the leader ends when its time to lead does, so that the loss is noticed in time. */
  const call = () => {
    const leftMs = renewedAt === undefined ? Infinity : renewedAt + timing.renewDeadlineMs - clock.monotonic();
    return { signal: stopping.signal, deadlineMs: Math.max(1, Math.min(leftMs, timing.renewDeadlineMs / 2)) };
  };

  /** One try to take or keep the lease. True when it is ours. */
  const attempt = async (): Promise<boolean> => {
    const sentAt = clock.monotonic();
    const current = held ?? (await client.get(leases, leaseName, call()));
    held = undefined;
    if (current !== undefined && !mayTake(current)) {
      renewedAt = undefined;
      return false;
    }
    const metadata = { ...current?.metadata, name: leaseName };
    const spec = leaseSpec(current?.spec, identity, timing, clock.now());
    claimed = true;
    held = await (current === undefined ? client.create : client.replace)(leases, { metadata, spec }, call());
    renewedAt = sentAt;
    return true;
  };

  const mayTake = (lease: Lease): boolean => {
    const holder = lease.spec?.holderIdentity ?? '';
    const durationMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
    const unchangedForMs = observed.unchangedForMs(lease);
    return holder === identity || holder === '' || unchangedForMs >= durationMs;
  };

  const tryOnce = async (): Promise<boolean> => {
    try {
      return await attempt();
    } catch (error) {
      if (stopping.signal.aborted) return false;
      if (isConflict(error) || hasStatus(error, 409)) log.debug({ err: error }, 'another candidate wrote the lease');
      else log.warn({ err: error, lease: leaseName }, 'cannot reach the lease');
      return false;
    }
  };

  const acquire = async (): Promise<void> => {
    while (!stopping.signal.aborted && !(await tryOnce())) await sleep(jittered(timing.retryMs), stopping.signal);
  };

  const keep = async (): Promise<void> => {
    while (isLeader()) {
      await sleep(timing.retryMs, stopping.signal);
      if (isLeader()) await tryOnce();
    }
  };

  const run = async (): Promise<void> => {
    await acquire();
    if (stopping.signal.aborted) return;
    log.info({ lease: leaseName, identity }, 'leading');
    options.onElected();
    await keep();
    if (stopping.signal.aborted) return;
    renewedAt = undefined;
    log.error({ lease: leaseName, identity }, 'the lease is lost');
    options.onLost();
  };

  const release = async (): Promise<void> => {
    const limit = { deadlineMs: timing.renewDeadlineMs / 2 };
    try {
      const lease = await client.get(leases, leaseName, limit);
      if (lease?.spec?.holderIdentity !== identity) return;
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
      await client.replace(leases, { ...lease, spec }, limit);
    } catch (error) {
      log.warn({ err: error }, 'cannot release the lease; it expires by itself');
    }
  };

  return {
    identity,
    isLeader,
    start: () => {
      running = run();
    },
    stop: async () => {
      stopping.abort();
      await running;
      renewedAt = undefined;
      if (claimed) await release();
    },
  };
}

/**
 * When the lease was last seen to change, on our own clock. The times written in it come from another machine's clock
 * and are never compared with ours.
 */
function createObservation(clock: Clock): { readonly unchangedForMs: (lease: Lease) => number } {
  let seen: string | undefined;
  let seenAt = 0;
  return {
    unchangedForMs: (lease) => {
      const text = JSON.stringify([lease.metadata.uid, lease.spec]);
      if (text !== seen) {
        seen = text;
        seenAt = clock.monotonic();
      }
      return clock.monotonic() - seenAt;
    },
  };
}

function leaseSpec(
  before: Lease['spec'],
  identity: string,
  timing: LeaderTiming,
  nowMs: number,
): NonNullable<Lease['spec']> {
  const renewal = { ...before, renewTime: microTime(nowMs), leaseDurationSeconds: Math.ceil(timing.durationMs / 1000) };
  if (before?.holderIdentity === identity) return renewal;
  const leaseTransitions = before === undefined ? 0 : (before.leaseTransitions ?? 0) + 1;
  return { ...renewal, holderIdentity: identity, acquireTime: renewal.renewTime, leaseTransitions };
}

function jittered(ms: number): number {
  return ms * (1 + Math.random() / 5);
}
