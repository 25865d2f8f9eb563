import { parseCronFields } from './cron-fields.ts';
import type { Schedule } from './parse.ts';

const secondsPerDay = 86_400;

/**
 * The shortest time between two slots, in seconds, which jitter must stay below; at most one day, and undefined for a
 * job that runs once. Days on which the zone changes are left out.
 */
export function shortestIntervalSeconds(schedule: Schedule): number | undefined {
  switch (schedule.kind) {
    case 'at':
      return undefined;
    case 'every':
      return Math.min(schedule.seconds, secondsPerDay);
    case 'cron':
      return shortestOfDay(schedule.pattern);
  }
}

function shortestOfDay(pattern: string): number {
  const { minutes, hours } = parseCronFields(pattern, (problem) => new Error(problem));
  const times = hours.flatMap((hour) => minutes.map((minute) => (hour * 60 + minute) * 60));
  const ordered = [...new Set(times)].sort((a, b) => a - b);
  const first = ordered[0] ?? 0;
  return ordered.reduce(
    (shortest, time, index) => Math.min(shortest, (ordered[index + 1] ?? first + secondsPerDay) - time),
    secondsPerDay,
  );
}
