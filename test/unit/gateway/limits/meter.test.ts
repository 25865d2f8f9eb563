import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bound } from '../../../../gateway/limits/bounds.ts';
import type { Grant, LeaseSlice, SliceAsk } from '../../../../gateway/limits/lease-slices.ts';
import { createMeter, type Meter, type Unit } from '../../../../gateway/limits/meter.ts';
import { createPermit } from '../../../../gateway/limits/permit.ts';
import { createSlotStock, createWindowStock, type Stock } from '../../../../gateway/limits/stock.ts';

/** The database of three replicas, which answers an ask when the test says so. */
function createLedger(maximum: number) {
  let taken = 0;
  let window = 0;
  const slots = new Map<string, number>();
  const asked: { readonly ask: SliceAsk; readonly answer: (grant: Grant) => void; readonly fail: () => void }[] = [];
  const grantWindow = ({ wanted, carried, window: of }: SliceAsk): Grant => {
    if (of === undefined || of === String(window)) taken += carried;
    const granted = Math.max(0, Math.min(wanted, maximum - taken));
    taken += granted;
    return { granted, remaining: Math.max(0, maximum - taken), window: String(window), endsInMs: windowMs };
  };
  const grantSlots = ({ wanted, carried, worker = '' }: SliceAsk): Grant => {
    slots.delete(worker);
    const others = [...slots.values()].reduce((sum, count) => sum + count, 0);
    const granted = Math.max(0, Math.min(wanted, maximum - others - carried));
    slots.set(worker, carried + granted);
    const remaining = Math.max(0, maximum - others - carried - granted);
    return { granted, remaining, window: undefined, endsInMs: Number.POSITIVE_INFINITY };
  };
  const lease: LeaseSlice = (ask) => {
    const { promise, resolve, reject } = Promise.withResolvers<Grant>();
    asked.push({ ask, answer: resolve, fail: () => reject(new Error('the database is away')) });
    return promise;
  };
  return {
    lease,
    nextWindow: () => {
      window += 1;
      taken = 0;
    },
    workerDied: (worker: string) => slots.delete(worker),
    slotsOf: (worker: string) => slots.get(worker),
    /** Answers the oldest ask, or lets its answer be lost, before or after it was done. */
    settle: async (how: 'answer' | 'lost' | 'never') => {
      const next = asked.shift();
      if (next === undefined) return;
      const { ask } = next;
      const grant = how === 'never' ? undefined : ask.name === 'maxConcurrentRuns' ? grantSlots(ask) : grantWindow(ask);
      if (how === 'answer' && grant) next.answer(grant);
      else next.fail();
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    },
  };
}

const windowMs = 60_000;

interface Step {
  readonly kind: 'take' | 'putBack' | 'keepUp' | 'settle' | 'pass';
  readonly replica: number;
  /** What becomes of the ask that is settled. */
  readonly how: 'answer' | 'lost' | 'never';
  /** How much time passes. */
  readonly ms: number;
}

const kinds = ['take', 'take', 'take', 'putBack', 'keepUp', 'settle', 'settle', 'settle', 'pass'] as const;
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    replica: fc.nat(2),
    how: fc.constantFrom('answer', 'answer', 'answer', 'lost', 'never'),
    ms: fc.nat(3_000),
  }),
  { minLength: 20, maxLength: 200 },
);

/** Plays the steps on three replicas; `look` sees how many units are taken, and how many were in all. */
async function play(bound: Bound, plan: readonly Step[], look: (held: number, inAll: number) => void): Promise<void> {
  const ledger = createLedger(bound.maximum);
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const runs = bound.name === 'maxConcurrentRuns';
  const meters: Meter[] = [0, 1, 2].map((index) =>
    createMeter({
      bound,
      stock: runs ? createSlotStock() : createWindowStock({ counted: true, idleMs: 5_000 }),
      lease: ledger.lease,
      worker: runs ? () => `worker-${index}` : undefined,
      clock,
      onSlice: () => undefined,
    }),
  );
  const held: { readonly meter: Meter; readonly unit: Unit }[] = [];
  let inAll = 0;
  const note = (meter: Meter, taken: unknown) => {
    if (taken === 'none' || taken instanceof Error) return;
    held.push({ meter, unit: taken as Unit });
    inAll += 1;
  };
  for (const step of plan) {
    const meter = meters[step.replica] as Meter;
    if (step.kind === 'take') {
      const taken = meter.take();
      if (taken instanceof Promise) void taken.then((late) => note(meter, late));
      else note(meter, taken);
    } else if (step.kind === 'putBack') {
      const back = held.pop();
      back?.meter.putBack(back.unit);
      if (back) inAll -= runs ? 0 : 1;
    } else if (step.kind === 'keepUp') {
      void meter.keepUp();
    } else if (step.kind === 'settle') {
      await ledger.settle(step.how);
    } else {
      now += step.ms;
    }
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    look(held.length, inAll);
  }
}

describe('three replicas that hand out one bound', () => {
  it('never hand out more requests than a window has, whatever is lost between them and the database', async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 30 }), async (plan, maximum) => {
        const bound = { name: 'requestsPerMinute', agent: 'main', principal: '', maximum } as const;
        const within = plan.map((step) => ({ ...step, ms: step.ms % 200 }));
        await play(bound, within, (_held, inAll) => {
          expect(inAll).toBeLessThanOrEqual(maximum);
          reached += inAll === maximum ? 1 : 0;
        });
      }),
      { numRuns: 300 },
    );
    expect(reached).toBeGreaterThan(300);
  });

  it('never let more runs go on at once than the Agent allows, whatever is lost between them and the database', async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 12 }), async (plan, maximum) => {
        const bound = { name: 'maxConcurrentRuns', agent: 'main', principal: '', maximum } as const;
        await play(bound, plan, (held) => {
          expect(held).toBeLessThanOrEqual(maximum);
          reached += held === maximum ? 1 : 0;
        });
      }),
      { numRuns: 300 },
    );
    expect(reached).toBeGreaterThan(300);
  });
});

it('runs that go on when a replica gets another lease count under that one', async () => {
  const ledger = createLedger(3);
  let worker: string | undefined = 'old';
  const makeMeter = (of: () => string | undefined) =>
    createMeter({
      bound: { name: 'maxConcurrentRuns', agent: 'main', principal: '', maximum: 3 },
      stock: createSlotStock(),
      lease: ledger.lease,
      worker: of,
      clock: { now: () => 0, monotonic: () => 0 },
      onSlice: () => undefined,
    });
  const meter = makeMeter(() => worker);
  const first = meter.take();
  await Promise.resolve();
  await ledger.settle('answer');
  expect(await first).toHaveProperty('epoch');
  worker = undefined;
  expect(meter.take()).toMatchObject({ code: 'state_unavailable' });
  ledger.workerDied('old');
  worker = 'new';
  const kept = meter.keepUp();
  await Promise.resolve();
  await ledger.settle('answer');
  await kept;
  expect(ledger.slotsOf('new')).toBe(1);
});

describe('a turn that takes ten minutes while nobody else asks', () => {
  const runFor = async (bound: Bound, stock: Stock) => {
    const ledger = createLedger(bound.maximum);
    const time = { now: 0 };
    const clock = { now: () => time.now, monotonic: () => time.now };
    const worker = bound.name === 'maxConcurrentRuns' ? () => 'worker' : undefined;
    const meter = createMeter({ bound, stock, lease: ledger.lease, worker, clock, onSlice: () => undefined });
    const keepUp = async () => {
      const kept = meter.keepUp();
      await Promise.resolve();
      await ledger.settle('answer');
      await kept;
    };
    const taken = meter.take();
    await Promise.resolve();
    await ledger.settle('answer');
    const permit = createPermit([{ meter, unit: (await taken) as Unit }]);
    for (let second = 0; second < 600; second += 1) {
      time.now += 1_000;
      await keepUp();
    }
    return { meter, permit, keepUp, time };
  };

  it('keeps its slot: the meter is forgotten only after it has ended', async () => {
    const bound = { name: 'maxConcurrentRuns', agent: 'main', principal: '', maximum: 1 } as const;
    const { meter, permit, keepUp, time } = await runFor(bound, createSlotStock());
    expect(meter.isIdle()).toBe(false);
    expect(meter.take()).toBeInstanceOf(Promise);
    await keepUp();
    permit.release();
    await keepUp();
    await keepUp();
    time.now += 200_000;
    expect(meter.isIdle()).toBe(true);
  });

  it('has its tokens counted: the meter is forgotten only after they are told', async () => {
    const bound = { name: 'tokensPerDay', agent: 'main', principal: '', maximum: 1_000_000 } as const;
    const { meter, permit, keepUp } = await runFor(bound, createWindowStock({ counted: false, idleMs: 10_000 }));
    expect(meter.isIdle()).toBe(false);
    permit.used(500);
    permit.release();
    expect(meter.isIdle()).toBe(false);
    await keepUp();
    expect(meter.isIdle()).toBe(true);
  });
});

describe('a window', () => {
  const bound = { name: 'requestsPerMinute', agent: 'main', principal: '', maximum: 10 } as const;
  const setup = () => {
    const ledger = createLedger(bound.maximum);
    const time = { now: 0 };
    const clock = { now: () => time.now, monotonic: () => time.now };
    const stock = createWindowStock({ counted: true, idleMs: Number.POSITIVE_INFINITY });
    const meter = createMeter({
      bound,
      stock,
      lease: ledger.lease,
      worker: undefined,
      clock,
      onSlice: () => undefined,
    });
    const take = async () => {
      const taken = meter.take();
      await Promise.resolve();
      await Promise.resolve();
      await ledger.settle('answer');
      return taken;
    };
    return { ledger, time, meter, take };
  };

  it('that ended takes nothing back: its units are not those of the next', async () => {
    const { ledger, time, meter, take } = setup();
    const unit = (await take()) as Unit;
    ledger.nextWindow();
    time.now += windowMs;
    await take();
    const { remaining } = meter.standing();
    meter.putBack(unit);
    expect(meter.standing().remaining).toBe(remaining);
  });

  it.each([0, 1, 2, 3, 4, 5, 6])('serves a caller that comes back %i turns after it was served', async (turns) => {
    const { ledger, meter } = setup();
    let served = 0;
    const caller = async () => {
      for (let at = 0; at < 10; at += 1) {
        await meter.take();
        served += 1;
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      }
    };
    void caller();
    for (let answers = 0; answers < 30; answers += 1) {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      await ledger.settle('answer');
    }
    expect(served).toBe(10);
  });

  it('that has nothing left refuses without asking again, until the bound is raised', async () => {
    const { meter, take } = setup();
    for (let at = 0; at < 10; at += 1) expect(await take()).toHaveProperty('epoch');
    expect(await take()).toBe('none');
    expect(meter.take()).toBe('none');
    meter.change({ ...bound, maximum: 20 });
    expect(meter.take()).toBeInstanceOf(Promise);
  });
});
