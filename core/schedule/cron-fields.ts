/** A checked cron pattern. */
export interface CronFields {
  /** The same schedule with `?` as `*`, and months and weekdays as numbers. */
  readonly pattern: string;
  /** The values of the first two fields, in the order written. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** False when no calendar has such a day, as in `0 0 31 2 *`. */
  readonly fires: boolean;
}

/**
 * Checks a cron pattern of five fields separated by single spaces. `*`, `?`, numbers, ranges, lists, `*` or a range with
 * a step, and English names of months and days are the whole syntax. On anything else it throws what `fail(problem)`
 * makes; the problem names the field and the cure.
 */
export function parseCronFields(pattern: string, fail: (problem: string) => Error): CronFields {
  const texts = pattern.split(' ');
  if (texts.length !== fieldRules.length || pattern === '') throw fail(wrongCount(pattern, texts.length));
  const sets = fieldRules.map((rule, index) => parseField(texts[index] ?? '', rule, fail));
  const [minutes = [], hours = [], days = [], inMonths = []] = sets;
  const plain = texts.map((text, index) => writeField(text, fieldRules[index]?.names ?? [], sets[index] ?? []));
  return { pattern: plain.join(' '), minutes, hours, fires: plain[4] !== '*' || someDayExists(days, inMonths) };
}

interface FieldRule {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Index in the list plus `min` is the value. */
  readonly names: readonly string[];
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const fieldRules: readonly FieldRule[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: monthNames },
  { name: 'day of week', min: 0, max: 6, names: weekdayNames },
];

function wrongCount(pattern: string, count: number): string {
  if (/^\d{4}-\d\d-\d\d/.test(pattern)) return 'this is a date; put a single instant in "at"';
  const got = pattern === '' ? 'nothing' : `${count} fields`;
  return `five fields are needed (minute, hour, day of month, month, day of week), got ${got}; for seconds use @every`;
}

function parseField(text: string, rule: FieldRule, fail: (problem: string) => Error): number[] {
  const problem = (what: string) => fail(`${rule.name} "${text}": ${what}`);
  refuseExtensions(text, rule, problem);
  return text.split(',').flatMap((part) => parsePart(part, rule, problem));
}

/** Things other cron programs know, refused by name because a plain syntax error would leave the author guessing. */
function refuseExtensions(text: string, rule: FieldRule, problem: (what: string) => Error): void {
  const bare = text.replace(/[a-z]{3}/gi, '');
  if (/L/i.test(bare)) throw problem('L (last) is not supported; name the days');
  if (/W/i.test(bare)) throw problem('W (nearest weekday) is not supported; name the days');
  if (text.includes('#')) throw problem('# (nth weekday) is not supported; name the days of the month');
  if (text.includes('+')) throw problem('+ is not supported; day of month and day of week together mean either');
  if (rule.name === 'day of week' && /(^|[,-])7($|[,/-])/.test(text)) throw problem('Sunday is 0, not 7');
}

function parsePart(part: string, rule: FieldRule, problem: (what: string) => Error): number[] {
  const match = /^(?:(\*|\?)|(\w+)(?:-(\w+))?)(?:\/(\d{1,2}))?$/.exec(part);
  if (match === null) throw problem('write numbers, ranges (1-5), lists (1,3), * or steps (*/15)');
  const [, star, first, last, stepText] = match;
  if (stepText !== undefined && last === undefined && star !== '*') {
    throw problem(`a step needs * or a range before it, such as ${first ?? rule.min}-${rule.max}/${stepText}`);
  }
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1 || step > rule.max - rule.min + 1) throw problem(`the step must be 1 to ${rule.max - rule.min + 1}`);
  const from = first === undefined ? rule.min : parseValue(first, rule, problem);
  const to = star === undefined ? parseEnd(last ?? first ?? '', from, rule, problem) : rule.max;
  if (from > to) throw problem('a range must not run backwards; write it as two ranges');
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function parseValue(text: string, rule: FieldRule, problem: (what: string) => Error): number {
  const named = rule.names.indexOf(text.toLowerCase());
  const value = named >= 0 ? named + rule.min : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) throw problem(`"${text}" is not a ${rule.name}`);
  if (value < rule.min || value > rule.max) throw problem(`must be ${rule.min} to ${rule.max}`);
  return value;
}

/** The end of a range; Sunday written by name may close a week, as in `FRI-SUN`. */
function parseEnd(text: string, from: number, rule: FieldRule, problem: (what: string) => Error): number {
  const value = parseValue(text, rule, problem);
  return text.toLowerCase() === 'sun' && from > 0 ? 7 : value;
}

/** Fields without names stay as written: whether a time is a number or a step decides how it meets a zone change. */
function writeField(text: string, names: readonly string[], values: readonly number[]): string {
  if (text === '*' || text === '?') return '*';
  if (names.length === 0) return text;
  const numbers = names === weekdayNames ? values.map((value) => value % 7) : values;
  return [...new Set(numbers)].sort((a, b) => a - b).join(',');
}

/** The most days each month can have, February with its leap day. */
const monthLengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function someDayExists(days: readonly number[], inMonths: readonly number[]): boolean {
  return inMonths.some((month) => days.some((day) => day <= (monthLengths[month - 1] ?? 0)));
}
