import { expect, it } from 'vitest';
import { microTime } from '../../../../core/kube/micro-time.ts';

it('a time of a Lease or Event has six digits, which the API server demands', () => {
  expect(microTime(Date.UTC(2026, 1, 3, 4, 5, 6, 7))).toBe('2026-02-03T04:05:06.007000Z');
  expect(microTime(0)).toBe('1970-01-01T00:00:00.000000Z');
});
