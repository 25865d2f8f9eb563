import { nextSlot } from '../../core/schedule/next.ts';
import type { Schedule } from '../../core/schedule/parse.ts';

/**
 * The shortest time between two slots of a schedule in seconds, as far as it is at most a day; more than a day is
 * Infinity, and so is a schedule that fires once. Zone changes are left out: they are not a property of the schedule.
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
  const [minute = '*', hour = '*', ...day] = pattern.split(' ');
  const slots = expand(hour, 24).flatMap((h) => expand(minute, 60).map((m) => h * 60 + m));
  const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? 0));
  const overMidnight = (slots[0] ?? 0) + minutesPerDay - (slots.at(-1) ?? 0);
  if (firesOnNeighbouringDays(day.join(' '))) gaps.push(overMidnight);
  return Math.min(...gaps, Number.POSITIVE_INFINITY) * 60;
}

/** The values of one field without names, in order. */
function expand(field: string, size: number): number[] {
  const values = field.split(',').flatMap((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [from = 0, to = from] = range === '*' ? [0, size - 1] : range.split('-').map(Number);
    return Array.from(
      { length: Math.floor((to - from) / Number(step)) + 1 },
      (_, index) => from + index * Number(step),
    );
  });
  return [...new Set(values)].sort((a, b) => a - b);
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
