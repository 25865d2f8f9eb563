import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../../core/kube/kube-error.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { createClusterJobStatus } from '../../../../gateway/config/cluster-job-status.ts';
import type { JobStatus } from '../../../../gateway/config/source.ts';

const log = createLogger('test', 'silent');
const job = { name: 'nightly', uid: 'uid-1' };
const status: JobStatus = { missedCount: 2, consecutiveFailures: 0, active: [], recentRuns: [], conditions: [] };

describe('the status of a CronJob', () => {
  it('is applied to the CronJob by its name', async () => {
    const written: unknown[] = [];
    await sinkThat((resource, object) => written.push([resource, object])).writeJobStatus(job, status);
    expect(written).toMatchObject([
      [
        { plural: 'cronjobs', group: 'talaria.dev' },
        { metadata: { name: 'nightly' }, status },
      ],
    ]);
  });

  it('is left alone when the CronJob is gone', async () => {
    const sink = failingWith({ status: 404, reason: 'NotFound' });
    await expect(sink.writeJobStatus(job, status)).resolves.toBeUndefined();
  });

  it.each([
    ['the API server is away', { status: 0, reason: 'Connection' }],
    ['the write is forbidden', { status: 403, reason: 'Forbidden' }],
    ['the status does not fit the schema', { status: 422, reason: 'Invalid' }],
  ])('is reported as not written when %s', async (_title, failure) => {
    await expect(failingWith(failure).writeJobStatus(job, status)).rejects.toBeInstanceOf(KubeError);
  });
});

describe('a report', () => {
  it('is an Event about the CronJob', async () => {
    const events: unknown[] = [];
    const client = {
      applyStatus: () => Promise.reject(new Error('not asked for')),
      createEvent: async (event: unknown) => void events.push(event),
    };
    await createClusterJobStatus(client, log).report(job, { kind: 'halted', by: 'Spec' });
    const regarding = { apiVersion: 'talaria.dev/v1alpha1', kind: 'CronJob', name: 'nightly', uid: 'uid-1' };
    const note = 'Its spec suspends it.';
    expect(events).toEqual([{ regarding, type: 'Normal', reason: 'Suspended', action: 'Schedule', note }]);
  });
});

function failingWith(failure: { readonly status: number; readonly reason: string }) {
  return sinkThat(() => {
    throw new KubeError({ ...failure, message: failure.reason });
  });
}

function sinkThat(apply: (resource: unknown, object: unknown) => unknown) {
  const client = {
    applyStatus: async (resource: unknown, object: unknown) => apply(resource, object),
  } as unknown as Parameters<typeof createClusterJobStatus>[0];
  return createClusterJobStatus(client, log);
}
