/**
 * A slow second opinion on cron and time zones: walks minute by minute through real time and looks at the wall clock.
 * It shares no code with core/schedule.
 */
export function slotsByWalking(pattern: string, timeZone: string, from: number, to: number): number[] {
  return slotsOfWalk(pattern, walk(timeZone, from, to));
}

/** What the wall clock of a zone showed at every minute, from a day before `from`. */
export interface Walk {
  readonly from: number;
  readonly minutes: readonly { readonly instant: number; readonly shown: number }[];
}

/** Walks once, for many patterns. */
export function walk(timeZone: string, from: number, to: number): Walk {
  const minutes = minutesOf(from - day, to).map((instant) => ({ instant, shown: wallClock(instant, timeZone) }));
  return { from, minutes };
}

/** The slots of a pattern of numbers, ranges, lists and steps in a walk, from its `from` on. */
export function slotsOfWalk(pattern: string, { from, minutes }: Walk): number[] {
  const matches = matcherOf(pattern);
  if (/^\d+ \d+ /.test(pattern)) return slotsOfFixedTime(matches, from, minutes);
  return minutes.filter(({ instant, shown }) => instant >= from && matches(shown)).map(({ instant }) => instant);
}

const minute = 60_000;
const day = 86_400_000;

/** Each matching wall-clock time counts once: when it is first shown, or when the clock jumps over it. */
function slotsOfFixedTime(matches: (wall: number) => boolean, from: number, minutes: Walk['minutes']): number[] {
  const seen = new Set<number>();
  const slots: number[] = [];
  let before = (minutes[0]?.shown ?? 0) - minute;
  for (const { instant, shown } of minutes) {
    const reached = [...minutesOf(before + minute, shown - minute), shown].filter(matches);
    if (reached.some((wall) => !seen.has(wall)) && instant >= from) slots.push(instant);
    for (const wall of reached) seen.add(wall);
    before = shown;
  }
  return slots;
}

function minutesOf(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, Math.floor((to - from) / minute) + 1) }, (_, index) => from + index * minute);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function wallClock(instant: number, timeZone: string): number {
  const known = formats.get(timeZone);
  const format = known ?? new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  if (known === undefined) formats.set(timeZone, format);
  return Date.parse(`${format.format(instant).replace(' ', 'T')}Z`);
}

function matcherOf(pattern: string): (wall: number) => boolean {
  const [minutes = '', hours = '', days = '', months = '', weekdays = ''] = pattern.split(' ');
  const inMinutes = fieldMatcher(minutes, 0);
  const inHours = fieldMatcher(hours, 0);
  const inDays = fieldMatcher(days, 1);
  const inMonths = fieldMatcher(months, 1);
  const inWeekdays = fieldMatcher(weekdays, 0);
  const both = days === '*' || weekdays === '*';
  return (wall) => {
    const shown = new Date(wall);
    if (!inMinutes(shown.getUTCMinutes()) || !inHours(shown.getUTCHours()) || shown.getUTCSeconds() !== 0) return false;
    const onDay = inDays(shown.getUTCDate());
    const onWeekday = inWeekdays(shown.getUTCDay());
    return inMonths(shown.getUTCMonth() + 1) && (both ? onDay && onWeekday : onDay || onWeekday);
  };
}

function fieldMatcher(field: string, min: number): (value: number) => boolean {
  const parts = field.split(',').map((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [first = '', last = first] = range === '*' ? [String(min), '99'] : range.split('-');
    return { first: Number(first), last: Number(last), step: Number(step) };
  });
  return (value) =>
    parts.some(({ first, last, step }) => value >= first && value <= last && (value - first) % step === 0);
}
