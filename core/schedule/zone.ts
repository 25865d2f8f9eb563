/**
 * The wall clock of a time zone. A wall-clock time is written as the Unix milliseconds at which UTC shows the same
 * digits, so it can be compared and added to.
 */
export function wallClock(instant: number, timeZone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1000) + 1000) % 1000);
}

/** The first instant at which the zone shows `wall`; where a zone change skips it, the end of the gap. */
export function firstInstantOf(wall: number, timeZone: string): number {
  const before = wall - offsetAt(wall - widestOffsetMs, timeZone);
  const after = wall - offsetAt(wall + widestOffsetMs, timeZone);
  const shown = [before, after].filter((instant) => wallClock(instant, timeZone) === wall);
  return shown.length > 0
    ? Math.min(...shown)
    : endOfGap(wall, Math.min(before, after), Math.max(before, after), timeZone);
}

/** Further from UTC than any zone ever was. */
const widestOffsetMs = 16 * 3_600_000;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, format);
  return format;
}

function offsetAt(instant: number, timeZone: string): number {
  return wallClock(instant, timeZone) - instant;
}

/** Bisects for the first instant whose wall clock is beyond `wall`; zone changes fall on whole seconds. */
function endOfGap(wall: number, low: number, high: number, timeZone: string): number {
  let shownBefore = Math.floor(low / 1000);
  let shownAfter = Math.ceil(high / 1000);
  while (shownAfter - shownBefore > 1) {
    const middle = Math.floor((shownBefore + shownAfter) / 2);
    if (wallClock(middle * 1000, timeZone) > wall) shownAfter = middle;
    else shownBefore = middle;
  }
  return shownAfter * 1000;
}
