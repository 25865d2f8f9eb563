import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../core/lib/clock.ts';
import { TalariaError } from '../../../../core/lib/errors.ts';
import { createLogger } from '../../../../core/lib/log.ts';
import { buildTable, type Table } from '../../../../gateway/config/table.ts';
import type { Database } from '../../../../gateway/db/pool.ts';
import { createTicker, type Ticker } from '../../../../gateway/schedule/ticker.ts';
import { configuration } from '../../../harness/entries.ts';

let table: Table | undefined;
let mayWork = true;
let databaseIsAway = false;
let ticker: Ticker;

/** A database in which nothing is due. */
const database = {
  prepared: async () => {
    if (databaseIsAway) throw new TalariaError('state_unavailable', 'away');
    return { rows: [{ due: 0 }], rowCount: 1 };
  },
} as unknown as Database;

beforeEach(async () => {
  vi.useFakeTimers();
  table = await buildTable(configuration({ agents: [{ name: 'clerk' }] }));
  mayWork = true;
  databaseIsAway = false;
  ticker = createTicker({
    database,
    table: () => table,
    upserter: { sync: async () => 0, recheck: () => undefined },
    mayWork: () => mayWork,
    clock: systemClock,
    log: createLogger('test', 'silent'),
    onStarted: () => undefined,
  });
  ticker.start();
});
afterEach(async () => {
  await ticker.stop();
  vi.useRealTimers();
});

describe('the age of the last tick', () => {
  it('stays small while due jobs are looked for, also when there are none', async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ticker.ageMs()).toBeLessThan(1_000);
  });

  it.each([
    ['the snapshot is too old', () => (mayWork = false), () => (mayWork = true)],
    ['the database is away', () => (databaseIsAway = true), () => (databaseIsAway = false)],
  ])('grows while %s, and is small again after that', async (_, begin, end) => {
    await vi.advanceTimersByTimeAsync(1_000);
    begin();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ticker.ageMs()).toBeGreaterThan(59_000);
    end();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(ticker.ageMs()).toBeLessThan(1_000);
  });

  it('grows from the start on until there is a configuration', async () => {
    const served = table;
    table = undefined;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ticker.ageMs()).toBeGreaterThan(59_000);
    table = served;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ticker.ageMs()).toBeLessThan(1_000);
  });
});
