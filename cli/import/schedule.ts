import { parseSchedule, ScheduleError } from '../../core/schedule/parse.ts';

/** What a CronJob says of when it runs, or why there is none. */
export type ScheduleFields =
  | { readonly schedule: string; readonly timeZone?: string; readonly jitterSeconds?: number }
  | { readonly at: string }
  | { readonly fault: string };

/** Five cron fields as Talaria takes them: Sunday is 0 and never 7. */
export function fromCron(expression: string, timeZone: string | undefined): ScheduleFields {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) return { fault: `"${expression}" has ${fields.length} fields; Talaria takes five` };
  const weekday = (fields[4] ?? '').replace(/\b([0-6])-7\b/g, (_, first) => (first === '0' ? '0-6' : `${first}-6,0`));
  const schedule = [...fields.slice(0, 4), weekday.replace(/\b7\b/g, '0')].join(' ');
  return faultless(schedule, timeZone ?? 'UTC') ?? { schedule, ...(timeZone === undefined ? {} : { timeZone }) };
}

/** Every so many seconds. */
export function fromInterval(seconds: number): ScheduleFields {
  if (!(seconds >= 1)) return { fault: 'its interval is nothing' };
  const whole = Math.round(seconds);
  const text = whole % 3_600 === 0 ? `${whole / 3_600}h` : whole % 60 === 0 ? `${whole / 60}m` : `${whole}s`;
  return faultless(`@every ${text}`, 'UTC') ?? { schedule: `@every ${text}` };
}

/** Once, at an instant with its offset; `nowMs` decides whether it is past. */
export function fromInstant(text: string, nowMs: number): ScheduleFields {
  const at = Date.parse(text);
  if (Number.isNaN(at)) return { fault: `"${text}" is no instant` };
  if (at <= nowMs) return { fault: 'its only instant is past' };
  return { at: new Date(at).toISOString().replace('.000Z', 'Z') };
}

function faultless(schedule: string, timeZone: string): { readonly fault: string } | undefined {
  try {
    parseSchedule(schedule, timeZone);
    return undefined;
  } catch (error) {
    if (error instanceof ScheduleError) return { fault: error.message };
    throw error;
  }
}
