import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../core/lib/clock.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import type { Permit } from '../../../gateway/limits/permit.ts';
import { startPostgres } from '../../harness/postgres.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createState } from '../schedule/state.ts';

import {
  acquire,
  agent,
  atTheStartOfAMinute,
  codes,
  free,
  type Outcome,
  permits,
  type Replica,
  setUpReplicas,
  startReplica,
  startThree,
  state,
  stopReplicas,
  tap,
  times,
  useUp,
  withKey,
} from './replicas.ts';

setUpReplicas();

describe('requests per minute', () => {
  it('three replicas under a storm admit exactly what the minute has, then refuse with the time to wait', async () => {
    const three = await startThree();
    const main = agent({ requestsPerMinute: 300 });
    const outcomes = await Promise.all(times(900, (at) => acquire(three[at % 3] as Replica, main)));
    expect(permits(outcomes).length).toBeLessThanOrEqual(300);
    // What a replica still holds comes to those who ask it.
    expect(permits(outcomes).length + (await useUp(three, main))).toBe(300);
    const refused = await acquire(three[0] as Replica, main);
    expect(refused).toMatchObject({ code: 'rate_limited' });
    const { retryAfterSeconds, headers, message } = refused as TalariaError;
    expect(retryAfterSeconds).toBeGreaterThan(30);
    expect(retryAfterSeconds).toBeLessThanOrEqual(60);
    expect(headers).toEqual({
      'x-ratelimit-limit-requests': '300',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': expect.stringMatching(/^(1m0s|[345]\ds)$/),
    });
    expect(message).toContain('spec.limits.requestsPerMinute');
  });

  it('a replica alone is refused early by what the others hold at most: a slice each', async () => {
    const [busy, ...others] = await startThree();
    const main = agent({ requestsPerMinute: 100 });
    for (const other of others) {
      for (const _ of times(20, () => 0)) permits([await acquire(other, main)])[0]?.release();
    }
    const total = 40 + (await useUp([busy as Replica], main));
    expect(total).toBeLessThanOrEqual(100);
    // An eighth of what was left, each.
    expect(total).toBeGreaterThanOrEqual(100 - 2 * 13);
    expect(total + (await useUp(others, main))).toBe(100);
  });

  it('a request on a slice that is held costs no database call and no promise', async () => {
    const replica = await startReplica();
    const main = agent({ requestsPerMinute: 10_000, tokensPerDay: 1_000_000, maxConcurrentRuns: 500 });
    const principal = withKey({ requestsPerMinute: 5_000 });
    permits(await Promise.all(times(100, () => acquire(replica, main, principal)))).map((permit) => permit.release());
    let onSlice = 0;
    for (const _ of times(200, () => 0)) {
      const before = tap.roundTrips();
      const permit = replica.limits.acquire(main, principal);
      if (permit instanceof Promise) {
        (await permit).release();
        expect(tap.roundTrips() - before).toBeLessThanOrEqual(1);
      } else {
        onSlice += 1;
        permit.release();
        expect(tap.roundTrips()).toBe(before);
      }
    }
    expect(onSlice).toBeGreaterThan(180);
  });

  it('a hundred requests at once that need a slice share one database call', async () => {
    const replica = await startReplica();
    await replica.database.query('select 1');
    const before = tap.roundTrips();
    const main = agent({ requestsPerMinute: 1_000, tokensPerDay: 1_000, maxConcurrentRuns: 200 });
    const principal = withKey({ requestsPerMinute: 900, tokensPerDay: 500 });
    const outcomes = await Promise.all(times(100, () => acquire(replica, main, principal)));
    expect(permits(outcomes)).toHaveLength(100);
    expect(tap.roundTrips() - before).toBe(1);
  });

  it('the next minute has all of them again', async () => {
    let ahead = 0;
    const clock: Clock = { now: Date.now, monotonic: () => performance.now() + ahead };
    const replica = await startReplica(tap.url, clock);
    const main = agent({ requestsPerMinute: 20 });
    expect(await useUp([replica], main)).toBe(20);
    await state.moveClock(60);
    ahead += 60_000;
    expect(await useUp([replica], main)).toBe(20);
  });

  it('one exhausted agent leaves another serving, and a key its bound whatever agent it calls', async () => {
    const replica = await startReplica();
    const [one, other, unbounded] = [
      agent({ requestsPerMinute: 3 }, 'one'),
      agent({ requestsPerMinute: 3 }, 'other'),
      agent({}, 'unbounded'),
    ];
    expect(await useUp([replica], one)).toBe(3);
    expect(await useUp([replica], other)).toBe(3);
    const principal = withKey({ requestsPerMinute: 5 });
    expect(await useUp([replica], unbounded, principal)).toBe(5);
    expect(codes([await acquire(replica, one, principal), await acquire(replica, unbounded, principal)])).toEqual([
      'rate_limited',
      'rate_limited',
    ]);
    expect(permits([await acquire(replica, unbounded)])).toHaveLength(1);
    const metrics = await replica.registry.metrics();
    expect(metrics).toContain('talaria_limit_refused_total{agent="unbounded",limit="key.requestsPerMinute"} 2');
    expect(metrics).toMatch(/talaria_limit_slices_leased_total\{limit="requestsPerMinute"\} [1-9]/);
  });

  it('a request that another bound refuses does not count', async () => {
    const replica = await startReplica();
    const main = agent({ requestsPerMinute: 10, maxConcurrentRuns: 1 });
    const [held] = permits([await acquire(replica, main)]);
    expect(codes(await Promise.all(times(30, () => acquire(replica, main))))).toEqual(times(30, () => 'rate_limited'));
    held?.release();
    expect(1 + (await useUp([replica], main))).toBe(10);
  });

  it('what a stopped replica did not use, the others get', async () => {
    const [first, second] = await startThree();
    const main = agent({ requestsPerMinute: 50 });
    await Promise.all(times(3, () => acquire(first as Replica, main)));
    await (first as Replica).limits.stop();
    expect(3 + (await useUp([second as Replica], main))).toBe(50);
  });
});

describe('runs at once', () => {
  it('never more than the bound over three replicas, while runs come and go', async () => {
    const three = await startThree();
    const main = agent({ maxConcurrentRuns: 7 });
    let running = 0;
    let most = 0;
    let admitted = 0;
    const caller = async (at: number) => {
      for (let turn = 0; turn < 60; turn += 1) {
        const outcome = await acquire(three[(at + turn) % 3] as Replica, main);
        if (outcome instanceof TalariaError) {
          expect(outcome).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 });
          await new Promise((resolve) => setTimeout(resolve, 5));
          continue;
        }
        running += 1;
        admitted += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, at % 7));
        running -= 1;
        outcome.release();
        outcome.release();
      }
    };
    await Promise.all(times(30, caller));
    expect(most).toBeLessThanOrEqual(7);
    expect(most).toBeGreaterThanOrEqual(5);
    expect(admitted).toBeGreaterThan(100);
  });

  it('the slots of a dead replica come back when its lease ends', async () => {
    const [dead, alive] = await startThree();
    const main = agent({ maxConcurrentRuns: 3 });
    expect(permits(await Promise.all(times(5, () => acquire(dead as Replica, main))))).toHaveLength(3);
    expect(codes([await acquire(alive as Replica, main)])).toEqual(['rate_limited']);
    await state.rows(`update workers set lease_until = talaria_now() where id = $1`, [(dead as Replica).worker]);
    await waitFor('the slots to be free', async () => permits([await acquire(alive as Replica, main)]).length === 1);
    expect(permits([await acquire(alive as Replica, main), await acquire(alive as Replica, main)])).toHaveLength(2);
    expect(codes([await acquire(alive as Replica, main)])).toEqual(['rate_limited']);
  });

  it('a replica gives slots back that it does not need any more', async () => {
    const [first, second] = await startThree();
    const main = agent({ maxConcurrentRuns: 4 });
    const held = permits(await Promise.all(times(4, () => acquire(first as Replica, main))));
    expect(held).toHaveLength(4);
    expect(codes([await acquire(second as Replica, main)])).toEqual(['rate_limited']);
    for (const permit of held.slice(1)) permit.release();
    const taken: Permit[] = [];
    await waitFor('the other replica to get three', async () => {
      taken.push(...permits([await acquire(second as Replica, main)]));
      return taken.length === 3;
    });
    expect(codes([await acquire(second as Replica, main), await acquire(first as Replica, main)])).toHaveLength(2);
  });

  it('a background run is told that there is no room, without an error', async () => {
    const replica = await startReplica();
    const main = agent({ maxConcurrentRuns: 1 });
    const held = await replica.limits.tryAcquire(main);
    expect(held).toBeDefined();
    expect(await replica.limits.tryAcquire(main)).toBeUndefined();
    held?.release();
    expect(await replica.limits.tryAcquire(main)).toBeDefined();
  });
});

describe('tokens per day', () => {
  it('only runs in flight exceed the budget, on any replica; the next day has it again', async () => {
    let ahead = 0;
    const clock: Clock = { now: Date.now, monotonic: () => performance.now() + ahead };
    const three = await Promise.all(times(3, () => startReplica(tap.url, clock)));
    const main = agent({ tokensPerDay: 10_000 });
    const spend = async () => {
      let spent = 0;
      for (let refused = 0, at = 0; refused < 3; at += 1) {
        const outcome = await acquire(three[at % 3] as Replica, main);
        if (outcome instanceof TalariaError) {
          expect(outcome).toMatchObject({ code: 'budget_exceeded' });
          refused += 1;
          continue;
        }
        outcome.used(700);
        spent += 700;
        outcome.release();
      }
      return spent;
    };
    const spent = await spend();
    // One run in flight at a time; what is refused early is a slice of each replica.
    expect(spent).toBeLessThanOrEqual(10_000 + 3 * 700);
    expect(spent).toBeGreaterThan(10_000 - 3 * 1_250);
    const refused = (await acquire(three[0] as Replica, main)) as TalariaError;
    expect(refused.retryAfterSeconds).toBeGreaterThan(11 * 3_600);
    expect(refused.headers['x-ratelimit-remaining-tokens']).toBe('0');
    expect(refused.headers['x-ratelimit-reset-tokens']).toMatch(/^1[12]h\d+m\d+s$/);
    await state.moveClock(24 * 3_600);
    ahead += 24 * 3_600_000;
    expect(await spend()).toBeGreaterThan(5_000);
  });

  it('what a run used beyond its slice is told to the database without another request', async () => {
    const [first, second] = await startThree();
    const main = agent({ tokensPerDay: 100_000 });
    const [permit] = permits([await acquire(first as Replica, main)]);
    permit?.used(250_000);
    permit?.release();
    await waitFor('the database to know', async () =>
      (await state.rows<{ taken: string }>('select taken from limit_meters')).some(
        ({ taken }) => Number(taken) >= 250_000,
      ),
    );
    expect(codes([await acquire(second as Replica, main)])).toEqual(['budget_exceeded']);
  });
});

describe('the database goes away', () => {
  it('the slice is used up, then bounded agents are refused and unbounded ones are not; what was used is told later', async () => {
    const postgres = await startPostgres();
    const own = await createState(postgres.url);
    try {
      await atTheStartOfAMinute(own);
      const replica = await startReplica(own.url, systemClock, own);
      const main = agent({ requestsPerMinute: 1_000_000 });
      const thrifty = agent({ tokensPerDay: 100_000 }, 'thrifty');
      const [permit] = permits([await acquire(replica, thrifty)]);
      permits(await Promise.all(times(50, () => acquire(replica, main))));
      permits(await Promise.all(times(50, () => acquire(replica, main))));
      await postgres.kill();
      permit?.used(400_000);
      permit?.release();
      const refusals: Outcome[] = [];
      let onSlice = 0;
      while (refusals.length === 0) {
        const outcome = await acquire(replica, main);
        if (outcome instanceof TalariaError) refusals.push(outcome);
        else onSlice += 1;
      }
      expect(onSlice).toBeGreaterThan(0);
      expect(codes([...refusals, await acquire(replica, thrifty)])).toEqual(['state_unavailable', 'state_unavailable']);
      expect(replica.limits.acquire(agent({}, 'unbounded'), free)).not.toBeInstanceOf(Promise);
      await postgres.start();
      await waitFor(
        'bounded agents to be served again',
        async () => permits([await acquire(replica, main)]).length === 1,
      );
      await waitFor('the database to know what was used', async () =>
        codes([await acquire(replica, thrifty)]).includes('budget_exceeded'),
      );
      const taken = await own.rows(`select taken from limit_meters where agent = 'thrifty'`);
      expect(Number(taken[0]?.taken)).toBeGreaterThanOrEqual(400_000);
    } finally {
      await stopReplicas();
      await own.drop();
      await postgres.stop();
    }
  });
});
