import { Cron } from 'croner';
import type { Schedule } from './parse.ts';
import { firstInstantOf, wallClock } from './zone.ts';

/**
 * The first slot after `after`, or undefined when there is none. Instants are Unix milliseconds; `anchor` is what
 * `@every` counts from. A fixed wall-clock time that a zone change skips is due at the end of the gap, and one that
 * occurs twice the first time; steps, lists and ranges follow real time.
 */
export function nextSlot(schedule: Schedule, after: number, anchor: number): number | undefined {
  switch (schedule.kind) {
    case 'at':
      return schedule.at > after ? schedule.at : undefined;
    case 'every':
      return nextOfInterval(schedule.seconds * 1000, after, anchor);
    case 'cron':
      return remembered(schedule, after);
  }
}

type CronSchedule = Extract<Schedule, { kind: 'cron' }>;

function nextOfInterval(intervalMs: number, after: number, anchor: number): number {
  const passed = Math.floor((after - anchor) / intervalMs);
  return anchor + Math.max(passed + 1, 1) * intervalMs;
}

/** Between `after` and `next` the next slot is `next`. */
interface Answer {
  readonly after: number;
  readonly next: number | undefined;
}

/**
 * The last two answers per schedule: to where a job was decided, and from there on. A search costs about 50 us, and jobs
 * with the same schedule ask the same.
 */
const answers = new Map<string, readonly Answer[]>();
const maxSchedules = 20_000;

function remembered(schedule: CronSchedule, after: number): number | undefined {
  const key = `${schedule.pattern}|${schedule.timeZone}`;
  const known = answers.get(key) ?? [];
  const hit = known.find((answer) => after >= answer.after && (answer.next === undefined || after < answer.next));
  if (hit !== undefined) return hit.next;
  const next = isFixedTime(schedule.pattern) ? nextFixedTime(schedule, after) : nextByRealTime(schedule, after);
  if (answers.size >= maxSchedules) answers.clear();
  answers.set(key, [{ after, next }, ...known.filter((answer) => answer.next !== next).slice(0, 1)]);
  return next;
}

function isFixedTime(pattern: string): boolean {
  return /^\d+ \d+ /.test(pattern);
}

/**
 * Searches on the wall clock and asks the zone for the instant. croner's own answer loses a time that is skipped at the
 * end of a day, as 23:30 is in America/Nuuk each spring.
 */
function nextFixedTime(schedule: CronSchedule, after: number): number | undefined {
  const onWallClock = compiled(schedule.pattern, 'UTC');
  let wall = onWallClock.nextRun(new Date(wallClock(after, schedule.timeZone) - longestChangeMs));
  while (wall !== null) {
    const instant = firstInstantOf(wall.getTime(), schedule.timeZone);
    if (instant > after) return instant;
    wall = onWallClock.nextRun(wall);
  }
  return undefined;
}

/** The largest zone change on record moved a zone across the date line. */
const longestChangeMs = 25 * 3_600_000;

function nextByRealTime(schedule: CronSchedule, after: number): number | undefined {
  return compiled(schedule.pattern, schedule.timeZone).nextRun(new Date(after))?.getTime();
}

/** A compiled pattern takes 80 KB, so only the latest few are kept. */
const patterns = new Map<string, Cron>();
const maxPatterns = 64;

function compiled(pattern: string, timeZone: string): Cron {
  const key = `${pattern}|${timeZone}`;
  const known = patterns.get(key);
  if (known !== undefined) return known;
  if (patterns.size >= maxPatterns) patterns.clear();
  const cron = new Cron(pattern, { mode: '5-part', timezone: timeZone });
  patterns.set(key, cron);
  return cron;
}
