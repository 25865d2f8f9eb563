import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextSlot } from '../../../../core/schedule/next.ts';
import { parseAt, parseSchedule, type Schedule } from '../../../../core/schedule/parse.ts';
import { slotsBetween } from '../../../../core/schedule/slots.ts';
import { slotsByWalking } from './reference.ts';

describe('a zone change', () => {
  it.each([
    ['America/New_York', '2026-03-08', '30 2 * * *', ['07:00'], 'skipped: the end of the gap'],
    ['America/New_York', '2026-03-08', '0 3 * * *', ['07:00'], 'the end of the gap itself'],
    ['America/New_York', '2026-03-08', '*/20 2 * * *', [], 'no step inside the gap'],
    ['America/New_York', '2026-03-08', '15,45 2 * * *', [], 'no list inside the gap'],
    ['America/New_York', '2026-03-08', '0 1-4 * * *', ['06:00', '07:00', '08:00'], 'a range leaves the gap out'],
    ['America/New_York', '2026-11-01', '30 1 * * *', ['05:30'], 'twice: the first'],
    ['America/New_York', '2026-11-01', '*/30 1 * * *', ['05:00', '05:30', '06:00', '06:30'], 'steps in both passes'],
    ['America/New_York', '2026-11-01', '15,45 1 * * *', ['05:15', '05:45', '06:15', '06:45'], 'lists in both passes'],
    ['America/New_York', '2026-11-01', '0 0-2 * * *', ['04:00', '05:00', '06:00', '07:00'], 'ranges in both passes'],
    ['Europe/Berlin', '2026-03-29', '30 2 * * *', ['01:00'], 'skipped: the end of the gap'],
    ['Europe/Berlin', '2026-10-25', '30 2 * * *', ['00:30'], 'twice: the first'],
    ['Australia/Lord_Howe', '2026-10-03', '15 2 * * *', ['15:30'], 'half an hour skipped'],
    ['Australia/Lord_Howe', '2026-04-04', '45 1 * * *', ['14:45'], 'half an hour twice: the first'],
    ['Australia/Lord_Howe', '2026-04-04', '0 1-2 * * *', ['14:00', '15:30'], 'the hour after half an hour twice'],
    ['America/Santiago', '2026-09-06', '0 0 * * *', ['04:00'], 'midnight skipped: the start of the day'],
    ['America/Havana', '2026-11-01', '30 0 * * *', ['04:30'], 'the first half hour of a day twice'],
    ['America/Nuuk', '2026-03-29', '30 23 * * 6', ['01:00'], 'the last half hour of a day skipped'],
    ['Africa/Cairo', '2026-04-23', '0 0 * * 5', ['22:00'], 'midnight on a Friday skipped'],
    ['Pacific/Apia', '2011-12-30', '0 9 30 12 *', ['10:00'], 'a whole day skipped'],
  ])('%s on %s, %j: %j (%s)', (timeZone, day, pattern, times) => {
    const from = Date.parse(`${day}T00:00:00Z`) - 1;
    const slots = [...slotsBetween(parseSchedule(pattern, timeZone), { from, to: from + 86_400_000 }, 0)];
    expect(slots.map((slot) => new Date(slot).toISOString().slice(11, 16))).toEqual(times);
  });

  it('agrees with a walk through every minute, in zones of every kind', () => {
    const change = fc.constantFrom(
      ['America/New_York', '2026-03-08'],
      ['America/New_York', '2026-11-01'],
      ['Europe/Berlin', '2026-03-29'],
      ['Europe/Berlin', '2026-10-25'],
      ['Australia/Lord_Howe', '2026-04-04'],
      ['Australia/Lord_Howe', '2026-10-03'],
      ['America/Santiago', '2026-04-05'],
      ['America/Santiago', '2026-09-06'],
      ['America/Nuuk', '2026-03-29'],
      ['America/Havana', '2026-03-08'],
      ['Africa/Cairo', '2026-10-29'],
      ['Antarctica/Troll', '2026-03-29'],
      ['Asia/Pyongyang', '2018-05-04'],
      ['UTC', '2026-06-15'],
    );
    fc.assert(
      fc.property(change, pattern, ([timeZone = '', day = ''], text) => {
        const from = Date.parse(`${day}T00:00:00Z`) - 12 * 3_600_000;
        const to = from + 2 * 86_400_000;
        const found = [...slotsBetween(parseSchedule(text, timeZone), { from: from - 1, to }, 0)];
        expect(found).toEqual(slotsByWalking(text, timeZone, from, to));
      }),
      { numRuns: 150, seed: 20260308 },
    );
  });

  it('gives the same next slot from every moment before it', () => {
    const schedule = parseSchedule('*/30 1 * * *', 'America/New_York');
    const from = Date.parse('2026-11-01T00:00:00Z');
    const slots = slotsByWalking('*/30 1 * * *', 'America/New_York', from, from + 2 * 86_400_000);
    for (let minute = 0; minute < 24 * 60; minute += 7) {
      const after = from + minute * 60_000 + 1;
      expect(nextSlot(schedule, after, 0)).toBe(slots.find((slot) => slot > after));
    }
  });
});

describe('an interval', () => {
  const every: Schedule = { kind: 'every', seconds: 90 };

  it('counts from its anchor', () => {
    expect(nextSlot(every, 1_000, 1_000)).toBe(91_000);
    expect(nextSlot(every, 90_999, 1_000)).toBe(91_000);
    expect(nextSlot(every, 91_000, 1_000)).toBe(181_000);
  });

  it('has no slot at or before its anchor', () => {
    expect(nextSlot(every, -500_000, 1_000)).toBe(91_000);
  });
});

describe('a single instant', () => {
  it('comes once', () => {
    const at = parseAt('2027-01-31T09:00:00Z');
    const instant = Date.UTC(2027, 0, 31, 9);
    expect(nextSlot(at, 0, 0)).toBe(instant);
    expect(nextSlot(at, instant - 1, 0)).toBe(instant);
    expect(nextSlot(at, instant, 0)).toBeUndefined();
  });
});

describe('a day that is rare', () => {
  it('is found: 29 February', () => {
    expect(nextSlot(parseSchedule('0 0 29 2 *', 'UTC'), Date.UTC(2025, 0, 1), 0)).toBe(Date.UTC(2028, 1, 29));
    expect(nextSlot(parseSchedule('0 0 29 2 *', 'UTC'), Date.UTC(2096, 2, 1), 0)).toBe(Date.UTC(2104, 1, 29));
  });
});

const value = (min: number, max: number) =>
  fc.oneof(
    fc.integer({ min, max }).map(String),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 3 }).map((list) => list.join(',')),
    fc.integer({ min: 2, max: max - min + 1 }).map((step) => `*/${step}`),
    fc.constant('*'),
  );

const pattern = fc
  .tuple(
    fc.oneof(fc.constantFrom('0', '15', '30', '45'), value(0, 59)),
    fc.oneof(fc.integer({ min: 0, max: 3 }).map(String), fc.constantFrom('23', '22'), value(0, 23)),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: value(1, 31) }),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant('*') },
      { weight: 1, arbitrary: fc.constantFrom('1-12', '3,4,9,10,11') },
    ),
    fc.oneof({ weight: 4, arbitrary: fc.constant('*') }, { weight: 1, arbitrary: fc.constantFrom('0', '0,1,5,6') }),
  )
  .map((fields) => fields.join(' '));
