import path from 'node:path';
import { expect, it } from 'vitest';
import { runCronStorm } from './storm/cron-storm.ts';

const skewedDate = path.join(import.meta.dirname, 'storm/skewed-date.ts');

it('three gateways, one an hour ahead and one behind, killed by turns, and a database that restarts: one start per slot', {
  timeout: 240_000,
}, async () => {
  const report = await runCronStorm({
    jobs: 100,
    slots: 400,
    everySeconds: 5,
    busyJobs: 10,
    killEveryMs: 3_000,
    restarts: 2,
    skewsMs: [0, 3_600_000, -3_600_000],
    moveClock: (skewMs) => ({ env: { SKEW_MS: String(skewMs) }, nodeArguments: ['--import', skewedDate] }),
    seed: 7,
  });
  expect(report).toMatchObject({ restarts: 2, doubles: 0, notOneOutcome: 0, otherAgent: 0, overlaps: 0 });
  expect(report.kills).toBeGreaterThanOrEqual(3);
  expect(report.slots).toBeGreaterThanOrEqual(400);
  // Slots of the ten busy jobs fall into runs, and Forbid is heeded.
  expect(report.missed.Forbid).toBeGreaterThan(0);
  expect(report.started + (report.missed.Forbid ?? 0)).toBeGreaterThanOrEqual(0.95 * report.slots);
});
