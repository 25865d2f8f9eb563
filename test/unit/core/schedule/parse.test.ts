import { describe, expect, it } from 'vitest';
import { isKnownTimeZone, parseAt, parseSchedule, ScheduleError } from '../../../../core/schedule/parse.ts';

describe('a schedule that is accepted', () => {
  it.each([
    ['*/5 * * * *', '*/5 * * * *'],
    ['  0   9 * * 1-5 ', '0 9 * * 1,2,3,4,5'],
    ['0 9 * * MON-FRI', '0 9 * * 1,2,3,4,5'],
    ['0 0 * * fri-Sun', '0 0 * * 0,5,6'],
    ['0 0 * * SUN-MON', '0 0 * * 0,1'],
    ['0 0 1 jan,JUL ?', '0 0 1 1,7 *'],
    ['5-59/15 0,12 * * *', '5-59/15 0,12 * * *'],
    ['0 0 29 2 *', '0 0 29 2 *'],
    ['0 0 31 2 MON', '0 0 31 2 1'],
    ['@hourly', '0 * * * *'],
    ['@daily', '0 0 * * *'],
    ['@midnight', '0 0 * * *'],
    ['@weekly', '0 0 * * 0'],
    ['@monthly', '0 0 1 * *'],
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
  ])('%j means %j', (text, pattern) => {
    expect(parseSchedule(text, 'Europe/Berlin')).toEqual({ kind: 'cron', pattern, timeZone: 'Europe/Berlin' });
  });

  it.each([
    ['@every 90s', 90],
    ['@every 1s', 1],
    ['@every  1h30m', 5400],
    ['@every 1h1m1s', 3661],
    ['@every 8784h', 366 * 86_400],
  ])('%j is an interval of %i s', (text, seconds) => {
    expect(parseSchedule(text, 'UTC')).toEqual({ kind: 'every', seconds });
  });
});

describe('a schedule that is refused', () => {
  it.each([
    ['0 0 L * *', 'L (last) is not supported'],
    ['0 0 LW * *', 'L (last) is not supported'],
    ['0 0 * * 5L', 'L (last) is not supported'],
    ['0 0 15W * *', 'W (nearest weekday) is not supported'],
    ['0 0 * * 5#2', '# (nth weekday) is not supported'],
    ['0 0 * * +1', '+ is not supported'],
    ['0 0 * * 7', 'Sunday is 0, not 7'],
    ['0 0 * * 5-7', 'Sunday is 0, not 7'],
    ['0 0 * * 1,7', 'Sunday is 0, not 7'],
    ['TZ=UTC 0 0 * * *', 'set timeZone instead'],
    ['CRON_TZ=UTC 0 0 * * *', 'set timeZone instead'],
    ['* * * * * *', 'five fields are needed'],
    ['* * * *', 'five fields are needed'],
    ['', 'five fields are needed'],
    ['2027-01-31T09:00:00Z', 'put a single instant in "at"'],
    ['5/15 * * * *', 'such as 5-59/15'],
    ['?/5 * * * *', 'a step needs *'],
    ['*/0 * * * *', 'the step must be 1 to 60'],
    ['*/61 * * * *', 'the step must be 1 to 60'],
    ['60 * * * *', 'minute "60": must be 0 to 59'],
    ['0 24 * * *', 'hour "24": must be 0 to 23'],
    ['0 0 0 * *', 'day of month "0": must be 1 to 31'],
    ['0 0 * 13 *', 'month "13": must be 1 to 12'],
    ['0 0 * * 8', 'day of week "8": must be 0 to 6'],
    ['10-5 * * * *', 'must not run backwards'],
    ['H * * * *', '"H" is not a minute'],
    ['0 0 * * JUL', '"JUL" is not a day of week'],
    ['0 0 * JULY *', '"JULY" is not a month'],
    ['1- * * * *', 'write numbers, ranges'],
    ['1,,2 * * * *', 'write numbers, ranges'],
    ['-1 * * * *', 'write numbers, ranges'],
    ['@reboot', 'this name is not known'],
    ['@constructor', 'this name is not known'],
    ['@every', 'write a duration'],
    ['@every 1d', 'write a duration'],
    ['@every 1.5h', 'write a duration'],
    ['@every 30', 'write a duration'],
    ['@every 0s', 'at least one second'],
    ['@every 9000h', 'at most 366 days'],
  ])('%j says: %s', (text, cure) => {
    const error = refusal(() => parseSchedule(text, 'UTC'));
    expect(error.reason).toBe('InvalidSchedule');
    expect(error.message).toContain(cure);
    expect(error.message).toContain(`"${text}"`);
  });

  it.each(['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6,9,11 *', '0 0 30-31 FEB ?'])('%j never fires', (text) => {
    expect(refusal(() => parseSchedule(text, 'UTC')).reason).toBe('NeverFires');
  });
});

describe('a time zone', () => {
  it.each(['UTC', 'Europe/Berlin', 'US/Eastern', 'Asia/Kolkata', 'Etc/GMT+5', 'EST5EDT'])('%s is known', (zone) => {
    expect(isKnownTimeZone(zone)).toBe(true);
  });

  it.each(['', 'Local', 'Mars/Olympus', '+05:30', 'europe/berlin', 'CEST'])('%j is not', (zone) => {
    expect(isKnownTimeZone(zone)).toBe(false);
    const error = refusal(() => parseSchedule('0 0 * * *', zone));
    expect(error.reason).toBe('InvalidTimeZone');
    expect(error.message).toContain('use an IANA name such as Europe/Berlin');
  });

  it('written in small letters is answered with its right form', () => {
    expect(refusal(() => parseSchedule('@daily', 'america/new_york')).message).toContain('America/New_York');
  });
});

describe('an instant', () => {
  it.each([
    ['2027-01-31T09:00:00Z', Date.UTC(2027, 0, 31, 9)],
    ['2027-01-31T09:00:00+02:00', Date.UTC(2027, 0, 31, 7)],
    ['2027-01-31t09:00:00.250z', Date.UTC(2027, 0, 31, 9, 0, 0, 250)],
    ['2028-02-29T00:00:00-05:30', Date.UTC(2028, 1, 29, 5, 30)],
  ])('%j is read', (text, at) => {
    expect(parseAt(text)).toEqual({ kind: 'at', at });
  });

  it.each([
    '2027-02-29T09:00:00Z',
    '2027-01-31',
    '2027-01-31T09:00Z',
    '2027-01-31T09:00:00',
    '2027-01-31T24:00:00Z',
    '2027-01-31T09:00:60Z',
    '2027-13-01T09:00:00Z',
    '2027-01-31 09:00:00Z',
    '0 9 * * *',
    'tomorrow',
  ])('%j is refused with an example', (text) => {
    const error = refusal(() => parseAt(text));
    expect(error.reason).toBe('InvalidSchedule');
    expect(error.message).toContain('such as 2027-01-31T09:00:00Z');
  });

  it('before 1970 is refused: such a year is a slip, and no database takes the year 0', () => {
    for (const text of ['0000-01-01T00:00:00Z', '1969-12-31T23:59:59Z']) {
      expect(refusal(() => parseAt(text))).toMatchObject({
        reason: 'InvalidSchedule',
        message: expect.stringContaining('1970'),
      });
    }
  });
});

function refusal(parse: () => unknown): ScheduleError {
  try {
    parse();
  } catch (error) {
    if (error instanceof ScheduleError) return error;
    throw error;
  }
  throw new Error('was accepted');
}
