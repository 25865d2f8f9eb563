import { parseCronFields } from './cron-fields.ts';

/** When a job is due. Plain data: equal texts give equal schedules. */
export type Schedule =
  | {
      readonly kind: 'cron';
      /** Five fields of numbers, `*`, ranges, lists and steps. */
      readonly pattern: string;
      readonly timeZone: string;
    }
  /** Every `seconds` seconds, counted from the job's anchor. */
  | { readonly kind: 'every'; readonly seconds: number }
  /** Once, at this instant in Unix milliseconds. */
  | { readonly kind: 'at'; readonly at: number };

/** A condition reason. */
export type ScheduleErrorReason = 'InvalidSchedule' | 'InvalidTimeZone' | 'NeverFires';

/** Why a schedule cannot be used. The message says what was got and the cure, and names no job. */
export class ScheduleError extends Error {
  readonly reason: ScheduleErrorReason;

  constructor(reason: ScheduleErrorReason, message: string) {
    super(message);
    this.name = 'ScheduleError';
    this.reason = reason;
  }
}

/**
 * Reads a job's `schedule`: five cron fields, `@hourly` and its kin, or `@every 1h30m`. Throws ScheduleError.
 * Extensions of single cron programs (`L`, `W`, `#`, day 7, `TZ=`, seconds) are refused, so that a schedule means the
 * same everywhere.
 */
export function parseSchedule(text: string, timeZone: string): Schedule {
  checkTimeZone(timeZone);
  const trimmed = text.trim();
  if (/^(CRON_)?TZ=/.test(trimmed)) {
    throw invalid(text, 'a time zone is not part of the schedule; set timeZone instead');
  }
  if (/^@every\b/.test(trimmed)) return { kind: 'every', seconds: parseInterval(text, trimmed) };
  const written = trimmed.startsWith('@') ? nickname(text, trimmed) : trimmed.split(/\s+/).join(' ');
  const { pattern, fires } = parseCronFields(written, (problem) => invalid(text, problem));
  if (!fires) {
    throw new ScheduleError('NeverFires', `schedule "${text}" names a day that never comes; correct day or month`);
  }
  return { kind: 'cron', pattern, timeZone };
}

/** Reads a job's `at`: an RFC 3339 instant with seconds and an offset. Throws ScheduleError. */
export function parseAt(text: string): Schedule {
  const match = /^(\d{4}-\d\d-\d\d)[Tt](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/.exec(text);
  const at = match === null ? Number.NaN : Date.parse(text.toUpperCase());
  if (match === null || Number.isNaN(at) || !isCalendarDay(match[1] ?? '')) {
    const cure = 'write an RFC 3339 time with an offset, such as 2027-01-31T09:00:00Z';
    throw new ScheduleError('InvalidSchedule', `at "${text}" is not an instant; ${cure}`);
  }
  if (at < 0) {
    throw new ScheduleError('InvalidSchedule', `at "${text}" is before 1970; write the instant at which it is to run`);
  }
  return { kind: 'at', at };
}

/** Whether `timeZone` is the IANA name of a zone, with its capital letters. */
export function isKnownTimeZone(timeZone: string): boolean {
  if (knownZones.has(timeZone)) return true;
  const resolved = resolveZone(timeZone);
  const known = resolved !== undefined && /^[A-Za-z]/.test(timeZone) && !isMiswritten(timeZone, resolved);
  if (known) knownZones.add(timeZone);
  return known;
}

const nicknames: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

function nickname(text: string, name: string): string {
  const pattern = Object.hasOwn(nicknames, name) ? nicknames[name] : undefined;
  if (pattern === undefined) {
    throw invalid(text, `this name is not known; use @every <duration>, ${Object.keys(nicknames).join(', ')}`);
  }
  return pattern;
}

const secondsIn = { h: 3600, m: 60, s: 1 } as const;
const maxIntervalSeconds = 366 * 24 * 3600;

function parseInterval(text: string, trimmed: string): number {
  const match = /^@every\s+(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(trimmed);
  if (match === null) throw invalid(text, 'write a duration of whole hours, minutes and seconds, such as @every 1h30m');
  const [, hours = 0, minutes = 0, seconds = 0] = match.map((part) => Number(part ?? 0));
  const total = hours * secondsIn.h + minutes * secondsIn.m + seconds * secondsIn.s;
  if (total < 1) throw invalid(text, 'the interval must be at least one second, such as @every 90s');
  if (total > maxIntervalSeconds) throw invalid(text, 'the interval must be at most 366 days (8784h)');
  return total;
}

const knownZones = new Set<string>();

function checkTimeZone(timeZone: string): void {
  if (isKnownTimeZone(timeZone)) return;
  const resolved = resolveZone(timeZone);
  const written = resolved !== undefined && isMiswritten(timeZone, resolved) ? resolved : 'Europe/Berlin';
  throw new ScheduleError(
    'InvalidTimeZone',
    `timeZone "${timeZone}" is not known; use an IANA name such as ${written}`,
  );
}

function isMiswritten(timeZone: string, resolved: string): boolean {
  return resolved !== timeZone && resolved.toLowerCase() === timeZone.toLowerCase();
}

function resolveZone(timeZone: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** Date.parse takes 30 February for 2 March, so the calendar is asked. */
function isCalendarDay(day: string): boolean {
  const parsed = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}

function invalid(text: string, problem: string): ScheduleError {
  return new ScheduleError('InvalidSchedule', `schedule "${text}": ${problem}`);
}
