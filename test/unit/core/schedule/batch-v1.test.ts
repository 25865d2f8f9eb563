import { describe, expect, it } from 'vitest';
import { decide, firstDecidedTo } from '../../../../core/schedule/decide.ts';
import type { Outcome } from '../../../../core/schedule/outcome.ts';
import { parseAt, parseSchedule } from '../../../../core/schedule/parse.ts';
import { slotsBetween } from '../../../../core/schedule/slots.ts';
import type { History, Terms } from '../../../../core/schedule/terms.ts';
import { cronJobSchema } from '../../../../crds/cron-job.ts';
import { verdict } from '../../../../crds/verdict.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const noon = Date.UTC(2026, 5, 15, 12);

function manifest(spec: object) {
  return {
    apiVersion: 'talaria.dev/v1alpha1',
    kind: 'CronJob',
    metadata: { name: 'report' },
    spec: { agentRef: { name: 'clerk' }, prompt: { inline: 'Report.' }, ...spec },
  };
}

const judged = async (spec: object) => (await verdict(manifest(spec))).verdict;

/** `MM-DD HH:MM` in UTC of every slot of a day or more. */
function slots(schedule: string, timeZone: string, day: string, days = 1): string[] {
  const from = Date.parse(`${day}T00:00:00Z`) - 1;
  const found = slotsBetween(parseSchedule(schedule, timeZone), { from, to: from + days * 24 * hour }, 0);
  return [...found].map((slot) => new Date(slot).toISOString().slice(5, 16).replace('T', ' '));
}

function outcomes(change: Partial<Terms>, past: Partial<History>, now: number): string[] {
  const terms: Terms = {
    schedule: parseSchedule('0 * * * *', 'UTC'),
    suspended: false,
    agentServes: true,
    startingDeadlineMs: undefined,
    concurrencyPolicy: 'Forbid',
    catchUp: { policy: 'Latest', maxRuns: 10 },
    jitterMs: 0,
    ...change,
  };
  const history = { anchor: noon - 30 * 24 * hour, decidedTo: noon - 1, activeRuns: 0, queuedRuns: 0, ...past };
  return decide(terms, history, now).outcomes.map(brief);
}

function brief(outcome: Outcome): string {
  if (outcome.kind === 'Gap') return `gap ${outcome.reason}`;
  const time = new Date(outcome.slot).toISOString().slice(11, 16);
  return `${time} ${outcome.kind === 'Missed' ? outcome.reason : 'Started'}`;
}

/** Each title is a row of docs/batch-v1.md. */
describe('batch/v1', () => {
  it('numbers, ranges, lists, steps, names and macros', () => {
    expect(slots('0 9-17/4 * JUN MON-FRI', 'UTC', '2026-06-15')).toEqual(['06-15 09:00', '06-15 13:00', '06-15 17:00']);
    expect(slots('@daily', 'UTC', '2026-06-15', 2)).toEqual(['06-15 00:00', '06-16 00:00']);
    expect(slots('0 0 ? * 1', 'UTC', '2026-06-15', 7)).toEqual(['06-15 00:00']);
  });

  it('day of month and day of week together', () => {
    expect(slots('0 0 17 * 1', 'UTC', '2026-06-15', 7)).toEqual(['06-15 00:00', '06-17 00:00']);
  });

  it('Sunday as 7', async () => {
    expect(await judged({ schedule: '0 0 * * 7' })).toBe('Refused');
    expect(await judged({ schedule: '0 0 * * 0' })).toBe('Accepted');
  });

  it('a step after a single number, or beyond its field', async () => {
    expect(await judged({ schedule: '5/15 * * * *' })).toBe('NotAccepted');
    expect(await judged({ schedule: '*/61 * * * *' })).toBe('NotAccepted');
    expect(await judged({ schedule: '5-59/15 * * * *' })).toBe('Accepted');
  });

  it('a day that never comes', async () => {
    expect(await judged({ schedule: '0 0 31 2 *' })).toBe('NotAccepted');
  });

  it('a time zone inside the schedule', async () => {
    expect(await judged({ schedule: 'TZ=UTC 0 0 * * *' })).toBe('Refused');
    expect(await judged({ schedule: 'CRON_TZ=UTC 0 0 * * *' })).toBe('Refused');
  });

  it('no time zone', () => {
    expect(cronJobSchema.parse(manifest({ schedule: '@daily' })).spec.timeZone).toBe('UTC');
  });

  it('an unknown time zone', async () => {
    expect(await judged({ schedule: '@daily', timeZone: 'Mars/Phobos' })).toBe('Refused');
    expect(await judged({ schedule: '@daily', timeZone: 'Local' })).toBe('Refused');
  });

  it('a fixed time that a zone change skips', () => {
    expect(slots('30 2 * * *', 'America/New_York', '2026-03-08')).toEqual(['03-08 07:00']);
  });

  it('a fixed time that a zone change shows twice', () => {
    expect(slots('30 1 * * *', 'America/New_York', '2026-11-01')).toEqual(['11-01 05:30']);
  });

  it('steps, lists and ranges in a zone change', () => {
    expect(slots('*/30 2 * * *', 'America/New_York', '2026-03-08')).toEqual([]);
    const bothPasses = ['11-01 05:00', '11-01 05:30', '11-01 06:00', '11-01 06:30'];
    expect(slots('*/30 1 * * *', 'America/New_York', '2026-11-01')).toEqual(bothPasses);
  });

  it('@every', () => {
    const every = parseSchedule('@every 25s', 'UTC');
    const seen = noon + 7 * second;
    const found = [...slotsBetween(every, { from: noon, to: seen + minute }, seen)];
    expect(found).toEqual([seen + 25 * second, seen + 50 * second]);
  });

  it('a single instant', () => {
    const schedule = parseAt('2026-06-15T12:00:00Z');
    expect(outcomes({ schedule }, {}, noon + second)).toEqual(['12:00 Started']);
    const late = { anchor: noon + hour, decidedTo: firstDecidedTo(schedule, noon + hour) };
    expect(outcomes({ schedule }, late, noon + hour)).toEqual(['12:00 FirstSeenLate']);
  });

  it('several slots missed in an outage', () => {
    expect(outcomes({}, {}, noon + 2.5 * hour)).toEqual(['12:00 Coalesced', '13:00 Coalesced', '14:00 Started']);
  });

  it('more than 100 missed slots', () => {
    const schedule = parseSchedule('* * * * *', 'UTC');
    const past = { decidedTo: noon - 101 * minute };
    expect(outcomes({ schedule }, past, noon + 30 * second)).toEqual(['gap Coalesced', '12:00 Started']);
  });

  it('every slot of an outage', () => {
    const all = { catchUp: { policy: 'All', maxRuns: 2 } } as const;
    expect(outcomes(all, {}, noon + 2.5 * hour)).toEqual(['12:00 OverMaxRuns', '13:00 Started', '14:00 Started']);
    const none = { catchUp: { policy: 'None', maxRuns: 1 } } as const;
    expect(outcomes(none, {}, noon + 1.5 * hour)).toEqual(['12:00 NoCatchUp', '13:00 NoCatchUp']);
  });

  it('a slot beyond startingDeadlineSeconds', () => {
    const terms = { startingDeadlineMs: 200 * second };
    expect(outcomes(terms, {}, noon + 201 * second)).toEqual(['12:00 Deadline']);
    expect(outcomes(terms, {}, noon + 200 * second)).toEqual(['12:00 Started']);
  });

  it('a startingDeadlineSeconds below 10', () => {
    expect(outcomes({ startingDeadlineMs: second }, {}, noon + 250)).toEqual(['12:00 Started']);
    expect(outcomes({ startingDeadlineMs: second }, {}, noon + second + 1)).toEqual(['12:00 Deadline']);
  });

  it('the default of concurrencyPolicy', () => {
    expect(cronJobSchema.parse(manifest({ schedule: '@daily' })).spec.concurrencyPolicy).toBe('Forbid');
  });

  it('Forbid during a run', () => {
    expect(outcomes({}, { activeRuns: 1 }, noon)).toEqual(['12:00 Forbid']);
  });

  it('Forbid after the run has ended', () => {
    expect(outcomes({}, { activeRuns: 1 }, noon)).toEqual(['12:00 Forbid']);
    expect(outcomes({}, { decidedTo: noon }, noon + 5 * minute)).toEqual([]);
  });

  it('Allow during a run', () => {
    expect(outcomes({ concurrencyPolicy: 'Allow' }, { activeRuns: 3 }, noon)).toEqual(['12:00 Started']);
  });

  it('resume after a suspension', () => {
    expect(outcomes({ suspended: true }, {}, noon + 2.5 * hour)).toEqual([
      '12:00 Suspended',
      '13:00 Suspended',
      '14:00 Suspended',
    ]);
    expect(outcomes({}, { decidedTo: noon + 2.5 * hour }, noon + 2.6 * hour)).toEqual([]);
  });
});
