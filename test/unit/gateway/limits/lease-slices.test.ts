import { expect, it } from 'vitest';
import { TalariaError } from '../../../../core/lib/errors.ts';
import type { Database } from '../../../../gateway/db/pool.ts';
import { createSliceLeaser, type LeaseSlice } from '../../../../gateway/limits/lease-slices.ts';

/** Leases of a database that throws `error` at every statement with an ask of the agent "bad". */
function leaserWith(error: Error): { readonly lease: (agent: string) => ReturnType<LeaseSlice>; statements: number } {
  const database = {
    prepared: async (_name: string, _statement: string, [agents]: [readonly string[]]) => {
      made.statements += 1;
      if (agents.includes('bad')) throw error;
      return { rows: agents.map(() => ({ granted: '1', remaining: '0', window_start: null, ends_in_ms: null })) };
    },
  };
  const leaseSlice = createSliceLeaser(database as unknown as Database);
  const common = { name: 'requestsPerMinute', principal: '', maximum: 1, wanted: 1 } as const;
  const lease = (agent: string) => leaseSlice({ ...common, agent, carried: 0, window: undefined, worker: undefined });
  const made = { lease, statements: 0 };
  return made;
}

it('an ask that the database cannot do fails alone: other agents that asked at the same time are served', async () => {
  const { lease } = leaserWith(new Error('value out of range'));
  const outcomes = await Promise.allSettled(['one', 'bad', 'two'].map(lease));
  expect(outcomes).toMatchObject([
    { status: 'fulfilled', value: { granted: 1 } },
    { status: 'rejected', reason: { message: 'value out of range' } },
    { status: 'fulfilled', value: { granted: 1 } },
  ]);
});

it('a database that is away is asked once for all who ask at the same time', async () => {
  const leaser = leaserWith(new TalariaError('state_unavailable', 'the database does not answer'));
  const outcomes = await Promise.allSettled(['one', 'bad', 'two'].map(leaser.lease));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(leaser.statements).toBe(1);
});
