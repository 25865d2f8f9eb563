import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../../core/schedule/parse.ts';
import { slotsBetween } from '../../../../core/schedule/slots.ts';
import { slotsOfWalk, walk } from './reference.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Five years, the same whenever the test runs. */
const from = Date.UTC(2026, 10, 1);
const to = Date.UTC(2031, 10, 30);

interface Change {
  readonly instant: number;
  /** Minutes ahead of UTC. */
  readonly before: number;
  readonly after: number;
}

const zones = Intl.supportedValuesOf('timeZone');
const changesOfZones = new Map(zones.map((zone) => [zone, changesOf(zone)]));
/** One zone for all those that change at the same times by the same. */
const alike = new Map([...changesOfZones].map(([zone, changes]) => [JSON.stringify(changes), { zone, changes }]));
const changing = [...alike.values()]
  .filter(({ changes }) => changes.length > 0)
  .map(({ zone, changes }) => ({ zone, changes }));

describe('ten schedules around every zone change of five years', () => {
  it('cover the zones that change, of every kind', () => {
    const oneOfEachKind = [
      'America/New_York',
      'Europe/Berlin',
      'Africa/Cairo',
      'Australia/Lord_Howe',
      'Pacific/Chatham',
    ];
    for (const zone of [...oneOfEachKind, 'Antarctica/Troll', 'America/Havana', 'Asia/Gaza']) {
      expect(changesOfZones.get(zone)?.length, zone).toBeGreaterThanOrEqual(10);
    }
    expect(zones.length).toBeGreaterThan(400);
    expect(changing.length).toBeGreaterThan(25);
  });

  it.each(changing)('$zone has the slots that a walk through every minute finds', ({ zone, changes }) => {
    for (const change of changes) {
      const stretch = { from: change.instant - 6 * hour, to: change.instant + day };
      const walked = walk(zone, stretch.from, stretch.to);
      for (const pattern of tenAround(change)) {
        const found = slotsBetween(parseSchedule(pattern, zone), { from: stretch.from - 1, to: stretch.to }, 0);
        const slots = [...found].map((slot) => new Date(slot).toISOString());
        const expected = slotsOfWalk(pattern, walked).map((slot) => new Date(slot).toISOString());
        expect(slots, `${pattern} around ${new Date(change.instant).toISOString()}`).toEqual(expected);
      }
    }
  });
});

/** Fixed times in, at the edges of and beside the wall-clock times that are skipped or shown twice; steps, lists, ranges. */
function tenAround({ instant, before, after }: Change): string[] {
  const first = instant + Math.min(before, after) * minute;
  const end = instant + Math.max(before, after) * minute;
  const middle = new Date((first + end) / 2);
  const time = (wall: number) => `${new Date(wall).getUTCMinutes()} ${new Date(wall).getUTCHours()}`;
  const hourOf = (wall: number) => new Date(wall).getUTCHours();
  return [
    `${time(middle.getTime())} * * *`,
    `${time(first)} * * *`,
    `${time(end - minute)} * * *`,
    `${time(end)} * * *`,
    `${time(middle.getTime())} ${middle.getUTCDate()} ${middle.getUTCMonth() + 1} ${middle.getUTCDay()}`,
    '0 0 * * *',
    '*/20 * * * *',
    `*/7 ${hourOf(first)} * * *`,
    `5,35,50 ${hourOf(first)} * * ${middle.getUTCDay()}`,
    `30 ${Math.max(0, hourOf(first) - 1)}-${Math.min(23, hourOf(first) + 1)} * * *`,
  ];
}

/** Looks at the zone's offset once a day, and between two that differ for the minute of the change. */
function changesOf(timeZone: string): Change[] {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset', year: 'numeric' });
  const offset = (instant: number) => offsetMinutes(format.format(instant));
  const changes: Change[] = [];
  let before = offset(from);
  for (let noon = from + day; noon <= to; noon += day) {
    const after = offset(noon);
    if (after !== before) changes.push({ instant: firstWith(offset, after, noon - day, noon), before, after });
    before = after;
  }
  return changes;
}

function firstWith(offset: (instant: number) => number, wanted: number, low: number, high: number): number {
  if (high - low <= minute) return high;
  const middle = low + Math.floor((high - low) / 2 / minute) * minute;
  return offset(middle) === wanted ? firstWith(offset, wanted, low, middle) : firstWith(offset, wanted, middle, high);
}

/** Of `2027, GMT-03:30`; a bare `GMT` is 0. */
function offsetMinutes(text: string): number {
  const [, sign = '+', hours = '0', minutes = '0'] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(text) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
