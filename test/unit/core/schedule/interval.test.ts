import { describe, expect, it } from 'vitest';
import { shortestIntervalSeconds } from '../../../../core/schedule/interval.ts';
import { nextSlot } from '../../../../core/schedule/next.ts';
import { parseAt, parseSchedule } from '../../../../core/schedule/parse.ts';

const day = 86_400;

describe('the shortest interval of a schedule', () => {
  it.each([
    ['@every 90s', 90],
    ['@every 200h', 200 * 3600],
    ['* * * * *', 60],
    ['*/5 * * * *', 300],
    ['*/7 * * * *', 240],
    ['0,10 3 * * *', 600],
    ['0 * * * *', 3600],
    ['0 */5 * * *', 4 * 3600],
    ['0 0,23 * * *', 3600],
    ['0 0,23 * * 1', 23 * 3600],
    ['0 0,23 * * 1,2', 3600],
    ['@daily', day],
    ['0 12 1,31 * *', day],
    ['0 12 29 2 *', Number.POSITIVE_INFINITY],
    ['0 0 * * 1', Number.POSITIVE_INFINITY],
  ])('of %s is %d s', (schedule, seconds) => {
    expect(shortestIntervalSeconds(parseSchedule(schedule, 'Europe/Berlin'))).toBe(seconds);
  });

  it('of a job that runs once is infinite', () => {
    expect(shortestIntervalSeconds(parseAt('2030-01-01T00:00:00Z'))).toBe(Number.POSITIVE_INFINITY);
  });

  it.each(['7,22-25,59 1,4-6,23 * * *', '59,0 23,0 1-7 * 2', '*/25 */9 * 2 *', '0-3/3 0,12 28-31 * *'])(
    'of %s is the one that two years of slots show',
    (text) => {
      const schedule = parseSchedule(text, 'UTC');
      const from = Date.UTC(2027, 0, 1);
      let shortest = Number.POSITIVE_INFINITY;
      let slot = nextSlot(schedule, from, 0);
      while (slot !== undefined && slot < Date.UTC(2029, 0, 1)) {
        const next = nextSlot(schedule, slot, 0);
        shortest = Math.min(shortest, ((next ?? Number.POSITIVE_INFINITY) - slot) / 1000);
        slot = next;
      }
      expect(shortestIntervalSeconds(schedule)).toBe(shortest);
    },
  );
});
