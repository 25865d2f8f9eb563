import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jitterMs } from '../../../../core/schedule/jitter.ts';
import { parseAt, parseSchedule, type Schedule } from '../../../../core/schedule/parse.ts';
import { countSlots, firstSlots, lastSlot, lastSlots, slotsBetween } from '../../../../core/schedule/slots.ts';

const year = Date.UTC(2026, 0, 1);
const day = 86_400_000;

const schedules = fc.constantFrom<Schedule>(
  parseSchedule('* * * * *', 'UTC'),
  parseSchedule('0 * * * *', 'Australia/Lord_Howe'),
  parseSchedule('30 2 * * *', 'America/New_York'),
  parseSchedule('0 9 * * 1-5', 'Europe/Berlin'),
  parseSchedule('*/7 3 1 * *', 'UTC'),
  parseSchedule('* 0 1 * *', 'UTC'),
  parseSchedule('@every 5h', 'UTC'),
  parseSchedule('@every 7s', 'UTC'),
  parseAt('2026-01-15T09:00:00Z'),
);

const stretches = fc
  .tuple(fc.integer({ min: 0, max: 70 * day }), fc.integer({ min: 0, max: day }))
  .map(([from, length]) => ({ from: year + from, to: year + from + length }));

describe('slots of a stretch', () => {
  it('counting, the oldest and the newest agree with listing them', () => {
    fc.assert(
      fc.property(schedules, stretches, fc.integer({ min: 1, max: 5 }), (schedule, stretch, few) => {
        const all = [...slotsBetween(schedule, stretch, year)];
        expect(countSlots(schedule, stretch, year, Number.POSITIVE_INFINITY)).toEqual({
          count: all.length,
          countedTo: stretch.to,
        });
        expect(lastSlot(schedule, stretch, year)).toBe(all.at(-1));
        expect(firstSlots(schedule, stretch, year, few)).toEqual(all.slice(0, few));
        expect(lastSlots(schedule, stretch, year, few)).toEqual(all.slice(-few));
      }),
      { numRuns: 120, seed: 7 },
    );
  });

  it('a long stretch is counted in slices that continue each other', () => {
    const schedule = parseSchedule('0 * * * *', 'UTC');
    let count = 0;
    let from = year;
    const to = year + 30 * day;
    for (let slices = 0; from < to; slices += 1) {
      expect(slices).toBeLessThan(10);
      const slice = countSlots(schedule, { from, to }, year, 100);
      count += slice.count;
      from = slice.countedTo;
    }
    expect(count).toBe(30 * 24);
  });

  it('the newest slot of years of minutes is found without walking them', () => {
    const stretch = { from: year, to: Date.UTC(2046, 0, 1) };
    expect(lastSlot(parseSchedule('* * * 2-11 *', 'UTC'), stretch, year)).toBe(Date.UTC(2045, 10, 30, 23, 59));
  });
});

describe('jitter', () => {
  it('is fixed for a job and below its bound', () => {
    const uids = Array.from({ length: 500 }, (_, index) => `uid-${index}`);
    const jitters = uids.map((uid) => jitterMs(uid, 60));
    expect(uids.map((uid) => jitterMs(uid, 60))).toEqual(jitters);
    expect(Math.min(...jitters)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...jitters)).toBeLessThan(60_000);
  });

  it('spreads jobs over the whole time', () => {
    const halves = Array.from({ length: 1_000 }, (_, index) => jitterMs(`uid-${index}`, 60) < 30_000);
    const early = halves.filter(Boolean).length;
    expect(early).toBeGreaterThan(400);
    expect(early).toBeLessThan(600);
  });

  it('is nothing for a job that has none', () => {
    expect(jitterMs('uid', 0)).toBe(0);
  });
});
