import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, decideRunNow, firstDecidedTo, onTimeMs } from '../../../../core/schedule/decide.ts';
import { maxListedSlots } from '../../../../core/schedule/missed.ts';
import { type Outcome, runAtKey } from '../../../../core/schedule/outcome.ts';
import { parseAt, parseSchedule, type Schedule } from '../../../../core/schedule/parse.ts';
import { countSlots, slotsBetween } from '../../../../core/schedule/slots.ts';
import type { History, Terms } from '../../../../core/schedule/terms.ts';

const noon = Date.UTC(2026, 5, 15, 12);
const second = 1_000;
const minute = 60_000;
const hour = 60 * minute;

const eachMinute = parseSchedule('* * * * *', 'UTC');

function terms(change: Partial<Terms> = {}): Terms {
  return {
    schedule: eachMinute,
    suspended: false,
    agentServes: true,
    startingDeadlineMs: undefined,
    concurrencyPolicy: 'Forbid',
    catchUp: { policy: 'Latest', maxRuns: 3 },
    jitterMs: 0,
    ...change,
  };
}

function history(change: Partial<History> = {}): History {
  return { anchor: noon - 24 * hour, decidedTo: noon - 1, activeRuns: 0, queuedRuns: 0, ...change };
}

/** `12:00 Started`, `12:00 Forbid`, or `gap Deadline`. */
function brief(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => {
    if (outcome.kind === 'Gap') return `gap ${outcome.reason}`;
    const time = new Date(outcome.slot).toISOString().slice(11, 16);
    return `${time} ${outcome.kind === 'Started' ? (outcome.queued ? 'Queued' : 'Started') : outcome.reason}`;
  });
}

const outcomesOf = (change: Partial<Terms>, past: Partial<History>, now: number) =>
  brief(decide(terms(change), history(past), now).outcomes);

describe('a slot on time', () => {
  it('starts', () => {
    const { outcomes, decidedTo, nextStart } = decide(terms(), history(), noon + 100);
    expect(outcomes).toEqual([{ kind: 'Started', key: '2026-06-15T12:00:00Z', slot: noon, queued: false }]);
    expect(decidedTo).toBe(noon + 100);
    expect(nextStart).toBe(noon + minute);
  });

  it('starts up to ten seconds late, also without catch-up', () => {
    expect(outcomesOf({ catchUp: { policy: 'None', maxRuns: 1 } }, {}, noon + onTimeMs)).toEqual(['12:00 Started']);
    expect(outcomesOf({ catchUp: { policy: 'None', maxRuns: 1 } }, {}, noon + onTimeMs + 1)).toEqual([
      '12:00 NoCatchUp',
    ]);
  });

  it('is not decided before its jitter is over, nor late because of it', () => {
    const jittered = { jitterMs: 20 * second, catchUp: { policy: 'None', maxRuns: 1 } } as const;
    expect(outcomesOf(jittered, {}, noon + 19 * second)).toEqual([]);
    expect(outcomesOf(jittered, {}, noon + 20 * second)).toEqual(['12:00 Started']);
    expect(decide(terms(jittered), history(), noon + 20 * second).nextStart).toBe(noon + minute + 20 * second);
  });

  it('is decided once', () => {
    const first = decide(terms(), history(), noon + 100);
    expect(decide(terms(), history({ decidedTo: first.decidedTo }), noon + 200).outcomes).toEqual([]);
  });

  it('is missed under Forbid while a run is active, and starts under Allow and Replace', () => {
    expect(outcomesOf({}, { activeRuns: 1 }, noon)).toEqual(['12:00 Forbid']);
    expect(outcomesOf({}, { queuedRuns: 1 }, noon)).toEqual(['12:00 Forbid']);
    expect(outcomesOf({ concurrencyPolicy: 'Allow' }, { activeRuns: 1 }, noon)).toEqual(['12:00 Started']);
    expect(outcomesOf({ concurrencyPolicy: 'Replace' }, { activeRuns: 1 }, noon)).toEqual(['12:00 Started']);
  });

  it('forbids the next one decided with it', () => {
    const schedule: Schedule = { kind: 'every', seconds: 2 };
    const decision = decide(terms({ schedule }), history({ anchor: noon, decidedTo: noon }), noon + 6 * second);
    expect(brief(decision.outcomes)).toEqual(['12:00 Started', '12:00 Forbid', '12:00 Forbid']);
  });
});

describe('the order of the tests', () => {
  const hours = parseSchedule('0 * * * *', 'UTC');
  const everything = {
    schedule: hours,
    suspended: true,
    agentServes: false,
    startingDeadlineMs: 30 * minute,
    catchUp: { policy: 'None', maxRuns: 1 },
  } as const satisfies Partial<Terms>;
  const backlog = { decidedTo: noon - 1, activeRuns: 1 };

  it.each([
    ['Suspended', {}],
    ['AgentUnavailable', { suspended: false }],
    ['Deadline', { suspended: false, agentServes: true }],
    ['NoCatchUp', { suspended: false, agentServes: true, startingDeadlineMs: undefined }],
    [
      'Forbid',
      {
        suspended: false,
        agentServes: true,
        startingDeadlineMs: undefined,
        catchUp: { policy: 'Latest', maxRuns: 1 },
      } as const,
    ],
  ])('%s comes before what follows it', (reason, change) => {
    expect(outcomesOf({ ...everything, ...change }, backlog, noon + 45 * minute)).toEqual([`12:00 ${reason}`]);
  });

  it('Forbid comes before Coalesced and OverMaxRuns', () => {
    const late = noon + 2 * hour + minute;
    const forbidden = ['12:00 Forbid', '13:00 Forbid', '14:00 Forbid'];
    expect(outcomesOf({ schedule: hours }, backlog, late)).toEqual(forbidden);
    expect(outcomesOf({ schedule: hours, catchUp: { policy: 'All', maxRuns: 1 } }, backlog, late)).toEqual(forbidden);
  });

  it('FirstSeenLate comes last', () => {
    const schedule = parseAt('2026-06-15T12:00:00Z');
    const anchor = noon + hour;
    const past = { anchor, decidedTo: firstDecidedTo(schedule, anchor) };
    expect(outcomesOf({ schedule }, past, anchor)).toEqual(['12:00 FirstSeenLate']);
    expect(outcomesOf({ schedule, catchUp: { policy: 'All', maxRuns: 2 } }, past, anchor)).toEqual([
      '12:00 FirstSeenLate',
    ]);
    expect(outcomesOf({ schedule, agentServes: false }, past, anchor)).toEqual(['12:00 AgentUnavailable']);
    expect(outcomesOf({ schedule, startingDeadlineMs: minute }, past, anchor)).toEqual(['12:00 Deadline']);
    expect(outcomesOf({ schedule, catchUp: { policy: 'None', maxRuns: 1 } }, past, anchor)).toEqual([
      '12:00 NoCatchUp',
    ]);
  });
});

describe('an outage', () => {
  const back = noon + 5 * minute + 30 * second;

  it('is caught up with one run under Latest', () => {
    expect(outcomesOf({}, {}, back)).toEqual([
      '12:00 Coalesced',
      '12:01 Coalesced',
      '12:02 Coalesced',
      '12:03 Coalesced',
      '12:04 Coalesced',
      '12:05 Started',
    ]);
  });

  it('is not caught up under None', () => {
    expect(outcomesOf({ catchUp: { policy: 'None', maxRuns: 1 } }, {}, noon + minute + 30 * second)).toEqual([
      '12:00 NoCatchUp',
      '12:01 NoCatchUp',
    ]);
  });

  it('is caught up with the newest maxRuns in slot order under All', () => {
    expect(outcomesOf({ catchUp: { policy: 'All', maxRuns: 2 } }, {}, back)).toEqual([
      '12:00 OverMaxRuns',
      '12:01 OverMaxRuns',
      '12:02 OverMaxRuns',
      '12:03 OverMaxRuns',
      '12:04 Queued',
      '12:05 Queued',
    ]);
  });

  it('leaves out what is past the deadline, which counts from slot plus jitter', () => {
    expect(outcomesOf({ startingDeadlineMs: 90 * second }, {}, back)).toEqual([
      '12:00 Deadline',
      '12:01 Deadline',
      '12:02 Deadline',
      '12:03 Deadline',
      '12:04 Coalesced',
      '12:05 Started',
    ]);
    const jittered = { startingDeadlineMs: 120 * second, jitterMs: 30 * second };
    expect(outcomesOf(jittered, {}, back)).toContain('12:03 Coalesced');
    expect(outcomesOf({ ...jittered, jitterMs: 0 }, {}, back)).toContain('12:03 Deadline');
  });

  it('takes a queued backlog as no reason to forbid more of it under All', () => {
    const all = { catchUp: { policy: 'All', maxRuns: 9 } } as const;
    expect(outcomesOf(all, { queuedRuns: 2 }, noon + 30 * second)).toEqual(['12:00 Queued']);
    expect(outcomesOf(all, { queuedRuns: 2, activeRuns: 1 }, noon + 30 * second)).toEqual(['12:00 Forbid']);
  });

  it('and the slot that is on time at its end: the backlog starts first', () => {
    expect(outcomesOf({}, {}, noon + minute + second)).toEqual(['12:00 Started', '12:01 Forbid']);
    expect(outcomesOf({ concurrencyPolicy: 'Allow' }, {}, noon + minute + second)).toEqual([
      '12:00 Started',
      '12:01 Started',
    ]);
  });

  it('of a year is one gap and one run, and its slots are not walked', () => {
    const from = noon - 365 * 24 * hour;
    const decision = decide(terms(), history({ anchor: from, decidedTo: from }), noon + 30 * second);
    expect(decision.outcomes).toEqual([
      { kind: 'Gap', from, to: noon - 1, reason: 'Coalesced', last: noon - minute, count: 0, countedTo: from },
      { kind: 'Started', key: '2026-06-15T12:00:00Z', slot: noon, queued: false },
    ]);
  });

  it('of an interval job is counted at once', () => {
    const schedule: Schedule = { kind: 'every', seconds: 1 };
    const { outcomes } = decide(
      terms({ schedule, catchUp: { policy: 'None', maxRuns: 1 } }),
      history({ anchor: noon, decidedTo: noon }),
      noon + hour,
    );
    expect(outcomes[0]).toMatchObject({
      kind: 'Gap',
      reason: 'NoCatchUp',
      count: 3_600 - 11,
      last: noon + hour - 11_000,
    });
  });
});

describe('a suspension', () => {
  it('asks for no further look', () => {
    expect(decide(terms({ suspended: true }), history(), noon - 1).nextStart).toBeUndefined();
  });

  it('ends as one gap, including what jitter still held back', () => {
    const { outcomes, decidedTo } = decide(
      terms({ suspended: true, jitterMs: 30 * second }),
      history({ decidedTo: noon - 2 * hour }),
      noon + second,
    );
    expect(outcomes).toMatchObject([{ kind: 'Gap', reason: 'Suspended', from: noon - 2 * hour, last: noon }]);
    expect(decidedTo).toBe(noon + second);
  });
});

describe('talaria.dev/run-at', () => {
  const runAt = (change: Partial<Terms>, past: Partial<History>, startedNow = false) =>
    decideRunNow(terms(change), history(past), { key: runAtKey('v1'), startedNow }, noon);

  it('starts, also while suspended', () => {
    const started = { kind: 'Started', key: 'run-at:v1', slot: noon, queued: false };
    expect(runAt({}, {})).toEqual(started);
    expect(runAt({ suspended: true }, {})).toEqual(started);
  });

  it('heeds the Agent, and Forbid', () => {
    expect(runAt({ agentServes: false }, {})).toMatchObject({ kind: 'Missed', reason: 'AgentUnavailable' });
    expect(runAt({}, { activeRuns: 1 })).toMatchObject({ kind: 'Missed', reason: 'Forbid' });
    expect(runAt({}, {}, true)).toMatchObject({ kind: 'Missed', reason: 'Forbid' });
    expect(runAt({ concurrencyPolicy: 'Allow' }, { activeRuns: 1 })).toMatchObject({ kind: 'Started' });
  });
});

const anyTerms = fc.record({
  schedule: fc.constantFrom<Schedule>(
    eachMinute,
    parseSchedule('*/15 * * * *', 'America/New_York'),
    parseSchedule('30 2 * * *', 'Europe/Berlin'),
    { kind: 'every', seconds: 1 },
    { kind: 'every', seconds: 45 },
    { kind: 'at', at: noon },
  ),
  suspended: fc.boolean(),
  agentServes: fc.boolean(),
  startingDeadlineMs: fc.option(
    fc.integer({ min: 1, max: 7_200 }).map((seconds) => seconds * second),
    {
      nil: undefined,
    },
  ),
  concurrencyPolicy: fc.constantFrom('Forbid', 'Allow', 'Replace'),
  catchUp: fc.record({ policy: fc.constantFrom('Latest', 'None', 'All'), maxRuns: fc.integer({ min: 1, max: 30 }) }),
  jitterMs: fc.integer({ min: 0, max: 900 }),
}) satisfies fc.Arbitrary<Terms>;

const anyHistory = fc.record({
  anchor: fc.constant(noon - 5 * hour),
  decidedTo: fc.integer({ min: noon - 5 * hour, max: noon + hour }),
  activeRuns: fc.integer({ min: 0, max: 1 }),
  queuedRuns: fc.integer({ min: 0, max: 1 }),
});

describe('whatever the job and however late', () => {
  it('every slot has exactly one outcome', () => {
    fc.assert(
      fc.property(anyTerms, anyHistory, fc.integer({ min: noon, max: noon + 3 * hour }), (any, past, now) => {
        const decision = decide(any, past, now);
        const expected = [...slotsBetween(any.schedule, { from: past.decidedTo, to: decision.decidedTo }, past.anchor)];
        expect(slotsOf(any.schedule, past.anchor, decision.outcomes)).toEqual(expected);
      }),
      { numRuns: 400, seed: 11 },
    );
  });

  it('a gap names its newest slot, and counts its slots rightly', () => {
    fc.assert(
      fc.property(anyTerms, anyHistory, fc.integer({ min: noon, max: noon + 3 * hour }), (any, past, now) => {
        for (const outcome of decide(any, past, now).outcomes) {
          if (outcome.kind !== 'Gap') continue;
          const slots = [...slotsBetween(any.schedule, outcome, past.anchor)];
          expect(slots.length).toBeGreaterThan(maxListedSlots);
          expect(outcome.last).toBe(slots.at(-1));
          expect(countSlots(any.schedule, { from: outcome.from, to: outcome.countedTo }, past.anchor, 1e9).count).toBe(
            outcome.count,
          );
        }
      }),
      { numRuns: 200, seed: 12 },
    );
  });

  it('how the time is cut into ticks makes no difference while the ticks come on time', () => {
    const steps = fc.array(fc.integer({ min: 50, max: 9_000 }), { minLength: 1, maxLength: 200 });
    const onTime = anyTerms.map((any) => ({
      ...any,
      suspended: false,
      startingDeadlineMs: undefined,
      concurrencyPolicy: 'Allow' as const,
    }));
    fc.assert(
      fc.property(onTime, steps, steps, (any, some, others) => {
        const end = noon + 5 * minute;
        expect(tick(any, some, end)).toEqual(tick(any, others, end));
      }),
      { numRuns: 100, seed: 13 },
    );
  });
});

function slotsOf(schedule: Schedule, anchor: number, outcomes: readonly Outcome[]): number[] {
  return outcomes.flatMap((outcome) =>
    outcome.kind === 'Gap' ? [...slotsBetween(schedule, outcome, anchor)] : [outcome.slot],
  );
}

/** Decides from noon to `end`, at moments that are `steps` apart and go round. */
function tick(any: Terms, steps: readonly number[], end: number): string[] {
  const outcomes: Outcome[] = [];
  let decidedTo = noon - 1;
  let now = noon;
  for (let index = 0; now < end; index += 1) {
    now = Math.min(end, now + (steps[index % steps.length] ?? second));
    const decision = decide(any, history({ decidedTo }), now);
    outcomes.push(...decision.outcomes);
    decidedTo = decision.decidedTo;
  }
  return outcomes.map((outcome) => `${outcome.kind} ${outcome.kind === 'Gap' ? outcome.from : outcome.key}`);
}
