import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubeError } from '../../../../core/kube/kube-error.ts';
import { createLeaderElection, type LeaderElection } from '../../../../core/kube/leader.ts';
import type { Lease } from '../../../../core/kube/resources.ts';
import { systemClock } from '../../../../core/lib/clock.ts';
import { createLogger } from '../../../../core/lib/log.ts';

/** One Lease on a server that can be cut off from one candidate. */
let lease: Lease | undefined;
let version: number;
let log: string[];
const cutOff = new Set<string>();
/** The next renewal of such a candidate is answered by nobody; it ends when its caller gives it up. */
const hanging = new Map<string, 'that arrives' | 'that does not arrive'>();
let candidates: LeaderElection[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime('2026-03-01T10:00:00Z');
  lease = undefined;
  version = 0;
  log = [];
  cutOff.clear();
  hanging.clear();
  candidates = [];
});

afterEach(async () => {
  for (const candidate of candidates) await candidate.stop();
  vi.useRealTimers();
});

describe('leader election', () => {
  it('elects the only candidate at once and keeps it for hours', async () => {
    const one = start('one');
    await vi.advanceTimersByTimeAsync(3 * 3_600_000);
    expect(one.isLeader()).toBe(true);
    expect(log).toEqual(['one elected']);
    expect(lease?.spec).toMatchObject({ holderIdentity: one.identity, leaseDurationSeconds: 15, leaseTransitions: 0 });
  });

  it('writes times with six digits, as the API server demands', async () => {
    start('one');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(lease?.spec?.acquireTime).toBe('2026-03-01T10:00:00.000000Z');
    expect(lease?.spec?.renewTime).toBe('2026-03-01T10:00:02.000000Z');
  });

  it('lets a second candidate wait while the first renews', async () => {
    const [one, two] = [start('one'), start('two')];
    await vi.advanceTimersByTimeAsync(600_000);
    expect([one.isLeader(), two.isLeader()]).toEqual([true, false]);
  });

  it('has at no moment two leaders, and always one again, when the leader is cut off', async () => {
    const [one, two] = [start('one'), start('two')];
    await vi.advanceTimersByTimeAsync(60_000);
    cutOff.add('one');
    let leaders = new Set<number>();
    for (let second = 0; second < 30; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      leaders = leaders.add(Number(one.isLeader()) + Number(two.isLeader()));
    }
    expect([...leaders].sort()).toEqual([0, 1]);
    expect(log).toEqual(['one elected', 'one lost', 'two elected']);
    expect(two.isLeader()).toBe(true);
    expect(lease?.spec?.leaseTransitions).toBe(1);
  });

  it('is lost 10 s after the last renewal that succeeded, before another may take over', async () => {
    const one = start('one');
    await vi.advanceTimersByTimeAsync(60_000);
    cutOff.add('one');
    await vi.advanceTimersByTimeAsync(7_900);
    expect(one.isLeader()).toBe(true);
    await vi.advanceTimersByTimeAsync(2_200);
    expect(one.isLeader()).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(log).toEqual(['one elected', 'one lost']);
  });

  it('is over at once after the process was frozen, before any timer has run', async () => {
    let monotonicMs = 0;
    const clock = { now: () => Date.now(), monotonic: () => monotonicMs };
    const one = start('one', clock);
    await vi.advanceTimersByTimeAsync(10);
    expect(one.isLeader()).toBe(true);
    monotonicMs += 60_000;
    expect(one.isLeader()).toBe(false);
  });

  it('survives a short outage of the API server', async () => {
    const one = start('one');
    await vi.advanceTimersByTimeAsync(60_000);
    cutOff.add('one');
    await vi.advanceTimersByTimeAsync(7_000);
    cutOff.clear();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(one.isLeader()).toBe(true);
    expect(log).toEqual(['one elected']);
  });

  it.each([
    ['an hour behind', -3_600_000],
    ['an hour ahead', 3_600_000],
  ])('judges expiry by its own clock when the clock of the holder is %s', async (_title, skewMs) => {
    const renewTime = `${new Date(Date.now() + skewMs).toISOString().slice(0, -1)}000Z`;
    write({ spec: { holderIdentity: 'foreign', leaseDurationSeconds: 15, renewTime } });
    const one = start('one');
    await vi.advanceTimersByTimeAsync(14_000);
    expect(one.isLeader()).toBe(false);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(one.isLeader()).toBe(true);
  });

  it('does not take its former self for itself', async () => {
    const before = start('one');
    await vi.advanceTimersByTimeAsync(1_000);
    const restarted = start('one');
    expect(restarted.identity).not.toBe(before.identity);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([before.isLeader(), restarted.isLeader()]).toEqual([true, false]);
  });

  it('is over as soon as another holder stands in the lease', async () => {
    const one = start('one');
    await vi.advanceTimersByTimeAsync(1_000);
    write({ spec: { ...lease?.spec, holderIdentity: 'thief' } });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(one.isLeader()).toBe(false);
    expect(log).toEqual(['one elected', 'one lost']);
  });

  it('goes on when someone else edits the lease without taking it', async () => {
    const one = start('one');
    await vi.advanceTimersByTimeAsync(1_000);
    write({ metadata: { name: 'lead', annotations: { note: 'x' } } });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(one.isLeader()).toBe(true);
    expect(lease?.metadata.annotations).toEqual({ note: 'x' });
  });

  it('hands over at once when the leader stops in order', async () => {
    const [one, two] = [start('one'), start('two')];
    await vi.advanceTimersByTimeAsync(10_000);
    await one.stop();
    expect(one.isLeader()).toBe(false);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(two.isLeader()).toBe(true);
    expect(log).toEqual(['one elected', 'two elected']);
  });

  it.each(['that arrives', 'that does not arrive'] as const)(
    'hands over at once when the stop comes during a renewal %s',
    async (renewal) => {
      const [one, two] = [start('one'), start('two')];
      await vi.advanceTimersByTimeAsync(9_900);
      hanging.set('one', renewal);
      await vi.advanceTimersByTimeAsync(300);
      await one.stop();
      expect(lease?.spec?.holderIdentity).toBe('');
      await vi.advanceTimersByTimeAsync(2_500);
      expect(two.isLeader()).toBe(true);
    },
  );

  it('leaves the lease of its successor alone when it stops', async () => {
    const one = start('one');
    await vi.advanceTimersByTimeAsync(9_900);
    write({ spec: { ...lease?.spec, holderIdentity: 'successor' } });
    await one.stop();
    expect(lease?.spec?.holderIdentity).toBe('successor');
  });
});

function start(name: string, clock = systemClock): LeaderElection {
  const candidate = createLeaderElection({
    client: clientOf(name),
    leaseName: 'lead',
    candidate: name,
    onElected: () => log.push(`${name} elected`),
    onLost: () => log.push(`${name} lost`),
    log: createLogger('test', 'silent'),
    clock,
  });
  candidates.push(candidate);
  candidate.start();
  return candidate;
}

function write(change: Partial<Lease>): Lease {
  version += 1;
  const metadata = { ...(change.metadata ?? lease?.metadata), name: 'lead', resourceVersion: String(version) };
  lease = { ...lease, ...change, metadata };
  return lease;
}

function clientOf(name: string) {
  const reach = () => {
    if (cutOff.has(name)) throw new KubeError({ status: 0, reason: 'Connection', message: 'cut off' });
  };
  const conflict = new KubeError({ status: 409, reason: 'Conflict', message: 'moved' });
  return {
    get: async () => {
      reach();
      return lease;
    },
    create: async (_resource: unknown, object: Lease) => {
      reach();
      if (lease !== undefined) throw new KubeError({ status: 409, reason: 'AlreadyExists', message: 'taken' });
      return write(object);
    },
    replace: async (_resource: unknown, object: Lease, call: { readonly signal?: AbortSignal } = {}) => {
      reach();
      if (object.metadata.resourceVersion !== lease?.metadata.resourceVersion) throw conflict;
      const hang = hanging.get(name);
      hanging.delete(name);
      if (hang === 'that does not arrive') return givenUp(call.signal);
      const written = write(object);
      return hang === undefined ? written : givenUp(call.signal);
    },
  } as unknown as Parameters<typeof createLeaderElection>[0]['client'];
}

function givenUp(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
  });
}
