import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../../../core/schedule/parse.ts';
import { schedulePattern } from '../../../../crds/rules/schedule-pattern.ts';

const pattern = new RegExp(schedulePattern);

const number = (max: number) => fc.integer({ min: 0, max }).map(String);
const part = (max: number) =>
  fc.oneof(
    fc.constantFrom('*', '?', '*/5', '*/0'),
    number(max),
    fc.tuple(number(max), number(max)).map(([from, to]) => `${from}-${to}`),
    fc.tuple(number(max), number(max), number(max)).map(([from, to, step]) => `${from}-${to}/${step}`),
  );
const field = (max: number) => fc.array(part(max), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(','));
const fields = fc.tuple(field(70), field(30), field(40), field(15), field(9)).map((texts) => texts.join(' '));
const every = fc
  .tuple(number(200), fc.constantFrom('h', 'm', 's', 'd', ''))
  .map(([count, unit]) => `@every ${count}${unit}`);

describe('the pattern of a schedule in the CRD', () => {
  it('lets everything through that the parser takes', () => {
    const schedules = fc.oneof(fields, every, fc.constantFrom('@daily', '@hourly', '@yearly', '@reboot'));
    let taken = 0;
    fc.assert(
      fc.property(schedules, (text) => {
        const parses = takes(text);
        if (parses) taken += 1;
        return !parses || pattern.test(text);
      }),
      { numRuns: 3000, seed: 20261121 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it.each([
    '0 0 * * 7',
    '60 * * * *',
    '* * * *',
    '* * * * * *',
    '@every 5',
    '0 0 L * *',
    'TZ=UTC * * * * *',
    '"* * * * *"',
  ])('stops %s, which the parser refuses too', (text) => {
    expect(pattern.test(text)).toBe(false);
    expect(takes(text)).toBe(false);
  });

  it('has no quote and no backslash, since it stands in a CEL string', () => {
    expect(schedulePattern).not.toMatch(/['\\]/);
  });
});

function takes(text: string): boolean {
  try {
    parseSchedule(text, 'UTC');
    return true;
  } catch {
    return false;
  }
}
