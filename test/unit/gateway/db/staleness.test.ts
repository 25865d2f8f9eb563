import { expect, it } from 'vitest';
import { createStaleness } from '../../../../gateway/db/staleness.ts';

it('a replica that is behind for 5 s takes no background work until it caught up', () => {
  let now = 0;
  const staleness = createStaleness({ monotonic: () => now });
  expect(staleness.isFresh()).toBe(true);
  staleness.note(7, 7);
  staleness.note(8, 7);
  now = 4_999;
  staleness.note(9, 7);
  expect(staleness.isFresh()).toBe(true);
  now = 5_000;
  expect(staleness.isFresh()).toBe(false);
  staleness.note(9, 9);
  expect(staleness.isFresh()).toBe(true);
  now = 20_000;
  expect(staleness.isFresh()).toBe(true);
});
