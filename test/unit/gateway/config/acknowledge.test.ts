import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubeError } from '../../../../core/kube/kube-error.ts';
import type { Lease } from '../../../../core/kube/resources.ts';
import { systemClock } from '../../../../core/lib/clock.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { type Acknowledger, createAcknowledger } from '../../../../gateway/config/acknowledge.ts';

let acknowledger: Acknowledger;
let writes: Lease[];
let deleted: string[];
/** What the next writes do instead of succeeding at once. */
let behaviour: () => Promise<void>;

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime('2026-03-01T10:00:00Z');
  writes = [];
  deleted = [];
  behaviour = async () => undefined;
  acknowledger = createAcknowledger({
    client: {
      apply: async (_resource: unknown, lease: Lease) => {
        await behaviour();
        writes.push(lease);
        return lease;
      },
      delete: async (_resource: unknown, name: string) => {
        deleted.push(name);
        return true;
      },
    } as unknown as Parameters<typeof createAcknowledger>[0]['client'],
    podName: 'gw-1',
    podUid: 'pod-uid',
    log: createLogger('test', 'silent'),
    clock: systemClock,
  });
});

afterEach(async () => {
  await acknowledger.stop();
  vi.useRealTimers();
});

describe('a replica', () => {
  it('says nothing before it serves', async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    expect(writes).toEqual([]);
  });

  it('says at once what it serves, in a Lease that goes with its Pod', async () => {
    acknowledger.serving(42, 'rev-a');
    await vi.advanceTimersByTimeAsync(0);
    expect(writes).toEqual([
      {
        metadata: {
          name: 'talaria-gateway-gw-1',
          annotations: { 'talaria.dev/sequence': '42', 'talaria.dev/revision': 'rev-a' },
          ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'gw-1', uid: 'pod-uid' }],
        },
        spec: { holderIdentity: 'gw-1', leaseDurationSeconds: 40, renewTime: '2026-03-01T10:00:00.000000Z' },
      },
    ]);
  });

  it('renews about every ten seconds, often enough to survive three lost writes', async () => {
    acknowledger.serving(42, 'rev-a');
    await vi.advanceTimersByTimeAsync(120_000);
    expect(writes.length).toBeGreaterThanOrEqual(10);
    expect(writes.length).toBeLessThanOrEqual(16);
    expect(writes.at(-1)?.metadata.annotations?.['talaria.dev/sequence']).toBe('42');
  });

  it('has one write in flight, and then writes only the last of what came meanwhile', async () => {
    const gate = Promise.withResolvers<void>();
    behaviour = () => gate.promise;
    acknowledger.serving(1, 'a');
    await vi.advanceTimersByTimeAsync(0);
    for (let sequence = 2; sequence <= 9; sequence += 1) acknowledger.serving(sequence, 'b');
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(writes.map((lease) => lease.metadata.annotations?.['talaria.dev/sequence'])).toEqual(['1', '9']);
  });

  it('tries again soon when the API server is away, and says the newest when it is back', async () => {
    behaviour = async () => {
      throw new KubeError({ status: 0, reason: 'Connection', message: 'away' });
    };
    acknowledger.serving(1, 'a');
    await vi.advanceTimersByTimeAsync(120_000);
    acknowledger.serving(2, 'b');
    behaviour = async () => undefined;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(writes.map((lease) => lease.metadata.annotations?.['talaria.dev/sequence'])).toEqual(['2']);
  });

  it('takes its Lease away when it stops, and renews it no more', async () => {
    acknowledger.serving(1, 'a');
    await vi.advanceTimersByTimeAsync(0);
    await acknowledger.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(deleted).toEqual(['talaria-gateway-gw-1']);
    expect(writes).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
