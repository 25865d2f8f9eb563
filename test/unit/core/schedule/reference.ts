/**
 * A slow second opinion on cron and time zones: walks minute by minute through real time and looks at the wall clock.
 * It shares no code with core/schedule.
 */
export function slotsByWalking(pattern: string, timeZone: string, from: number, to: number): number[] {
  const fields = pattern.split(' ');
  return /^\d+ \d+ /.test(pattern)
    ? walkFixedTime(fields, timeZone, from, to)
    : minutesOf(from, to).filter((instant) => matches(wallClock(instant, timeZone), fields));
}

const minute = 60_000;
const day = 86_400_000;

/** Each matching wall-clock time counts once: when it is first shown, or when the clock jumps over it. */
function walkFixedTime(fields: readonly string[], timeZone: string, from: number, to: number): number[] {
  const seen = new Set<number>();
  const slots: number[] = [];
  let before = wallClock(from - 2 * day - minute, timeZone);
  for (const instant of minutesOf(from - 2 * day, to)) {
    const shown = wallClock(instant, timeZone);
    const reached = [...minutesOf(before + minute, shown), shown].filter((wall) => matches(wall, fields));
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

function matches(wall: number, [minutes = '', hours = '', days = '', months = '', weekdays = '']: readonly string[]) {
  const shown = new Date(wall);
  const onDay = inField(days, shown.getUTCDate(), 1);
  const onWeekday = inField(weekdays, shown.getUTCDay(), 0);
  return (
    shown.getUTCSeconds() === 0 &&
    inField(minutes, shown.getUTCMinutes(), 0) &&
    inField(hours, shown.getUTCHours(), 0) &&
    inField(months, shown.getUTCMonth() + 1, 1) &&
    (days === '*' || weekdays === '*' ? onDay && onWeekday : onDay || onWeekday)
  );
}

function inField(field: string, value: number, min: number): boolean {
  return field.split(',').some((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [first = '', last = first] = range === '*' ? [String(min), '99'] : range.split('-');
    return value >= Number(first) && value <= Number(last) && (value - Number(first)) % Number(step) === 0;
  });
}
