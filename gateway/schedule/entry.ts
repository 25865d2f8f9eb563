import { sha256 } from '../../core/lib/hash.ts';
import { canonicalJson } from '../../core/lib/json.ts';
import { parseAt, parseSchedule, type Schedule, ScheduleError } from '../../core/schedule/parse.ts';
import type { JobEntry } from '../../core/snapshot/schema.ts';
import { storableText } from '../sessions/storable.ts';

const hashes = new WeakMap<JobEntry, string>();

/** What tells two versions of a CronJob's entry apart; a new prompt or `run-at` value changes it too. */
export function entryHash(entry: JobEntry): string {
  const known = hashes.get(entry);
  if (known !== undefined) return known;
  const hash = sha256(canonicalJson(entry));
  hashes.set(entry, hash);
  return hash;
}

/** What gives a job its slots, as text; two entries with the same text have the same slots. */
export function scheduleText({ schedule, at, timeZone }: JobEntry): string {
  return canonicalJson(at === undefined ? { schedule, timeZone } : { at });
}

/** A longer value of `talaria.dev/run-at` is known by its hash: it becomes part of a key. */
const maxRunAtCharacters = 256;

/** The value of `talaria.dev/run-at` as it is stored and compared; '' for none. */
export function runAtOf({ runAt = '' }: JobEntry): string {
  return runAt.length > maxRunAtCharacters ? `sha256:${sha256(runAt)}` : storableText(runAt);
}

const schedules = new Map<string, Schedule | undefined>();
const maxSchedules = 20_000;

/** The schedule behind a `scheduleText`; undefined when it cannot be read, which the operator excludes. */
export function readSchedule(text: string): Schedule | undefined {
  if (schedules.has(text)) return schedules.get(text);
  const schedule = parseText(text);
  if (schedules.size >= maxSchedules) schedules.clear();
  schedules.set(text, schedule);
  return schedule;
}

function parseText(text: string): Schedule | undefined {
  const { schedule, at, timeZone } = JSON.parse(text) as { schedule?: string; at?: string; timeZone?: string };
  try {
    return at === undefined ? parseSchedule(schedule ?? '', timeZone ?? 'UTC') : parseAt(at);
  } catch (error) {
    if (error instanceof ScheduleError) return undefined;
    throw error;
  }
}
