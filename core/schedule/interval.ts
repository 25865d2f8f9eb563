import { parseCronFields } from './cron-fields.ts';
import { nextSlot } from './next.ts';
import type { Schedule } from './parse.ts';

/**
 * The shortest time between two slots of a schedule in seconds, which jitter must stay below. Infinity for a schedule that
 * fires once, and for cron fields that never fire within a day of each other. Zone changes are left out: they are not a
 * property of the schedule.
 */
export function shortestIntervalSeconds(schedule: Schedule): number {
  switch (schedule.kind) {
    case 'at':
      return Number.POSITIVE_INFINITY;
    case 'every':
      return schedule.seconds;
    case 'cron':
      return shortestOfCron(schedule.pattern);
  }
}

const minutesPerDay = 1440;

function shortestOfCron(pattern: string): number {
  const { minutes, hours } = parseCronFields(pattern, (problem) => new Error(problem));
  const slots = [...new Set(hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute)))].sort(
    (a, b) => a - b,
  );
  const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? 0));
  const overMidnight = (slots[0] ?? 0) + minutesPerDay - (slots.at(-1) ?? 0);
  if (firesOnNeighbouringDays(pattern.split(' ').slice(2).join(' '))) gaps.push(overMidnight);
  return Math.min(...gaps, Number.POSITIVE_INFINITY) * 60;
}

const dayMs = 86_400_000;
/** A year and a month that hold the end of every month, the end of a year and a 29 February. */
const sample = { from: Date.UTC(2027, 11, 1), days: 430 } as const;

function firesOnNeighbouringDays(dayFields: string): boolean {
  const schedule: Schedule = { kind: 'cron', pattern: `0 0 ${dayFields}`, timeZone: 'UTC' };
  const end = sample.from + sample.days * dayMs;
  let slot = nextSlot(schedule, sample.from, 0);
  while (slot !== undefined && slot < end) {
    const next = nextSlot(schedule, slot, 0);
    if (next === slot + dayMs) return true;
    slot = next;
  }
  return false;
}
