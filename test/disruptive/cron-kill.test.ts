import { describe, expect, inject, it } from 'vitest';
import { runKillScenario } from './kill-scenario.ts';

describe('two gateways, one of them killed every 5 s', () => {
  it('start every slot at most once, tell of every miss, and start 95 in 100', { timeout: 300_000 }, async () => {
    const report = await runKillScenario({
      kubeconfig: inject('kubeconfig'),
      postgresUrl: inject('postgresUrl'),
      jobs: 200,
      seconds: 30,
      killEverySeconds: 5,
      // Under Forbid a machine too slow for a run a second would miss slots for that reason.
      concurrencyPolicy: 'Allow',
    });
    const missed = Object.values(report.missed).reduce((sum, count) => sum + count, 0);
    expect(report).toMatchObject({ kills: 6, doubles: 0, undecided: 0, statusesThatDiffer: 0 });
    expect(report.started + missed).toBe(report.slots);
    expect(report.metric).toEqual({ started: report.started, missed });
    expect(report.started / report.slots).toBeGreaterThanOrEqual(0.95);
  });
});
