/**
 * `node bench/cron-kill.ts [--seconds 120] [--jobs 200] [--kill-every 5]`: two gateways, jobs that run every second, and
 * one gateway after the other killed with `kill -9` and started again. Real kube-apiserver, etcd and PostgreSQL, operator
 * and gateways as processes of this machine. Prints what became of every slot, for jobs under Allow and under Forbid. Must
 * hold: no slot twice, none without an outcome, the same sums in database, status and metric, and under Allow at least 95
 * in 100 slots started. Under Forbid a slot that falls into a run is missed for it: a machine that takes longer than a
 * second for a run, or a run that died with its gateway, shows there.
 */
import { parseArgs } from 'node:util';
import { type KillReport, runKillScenario } from '../test/disruptive/kill-scenario.ts';
import { startControlPlane } from '../test/harness/control-plane.ts';
import { applyCrds } from '../test/harness/crds.ts';
import { startPostgres } from '../test/harness/postgres.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    jobs: { type: 'string', default: '200' },
    'kill-every': { type: 'string', default: '5' },
  },
});

async function main(): Promise<void> {
  const [controlPlane, postgres] = await Promise.all([startControlPlane(), startPostgres()]);
  try {
    await applyCrds(controlPlane.kubeconfig);
    for (const concurrencyPolicy of ['Allow', 'Forbid'] as const) {
      const report = await runKillScenario({
        kubeconfig: controlPlane.kubeconfig,
        postgresUrl: postgres.url,
        jobs: Number(values.jobs),
        seconds: Number(values.seconds),
        killEverySeconds: Number(values['kill-every']),
        concurrencyPolicy,
        say: (line) => process.stderr.write(`${line}\n`),
      });
      print(concurrencyPolicy, report);
      if (!holds(report, concurrencyPolicy)) process.exitCode = 1;
    }
  } finally {
    await Promise.all([controlPlane.stop(), postgres.stop()]);
  }
}

function print(policy: string, report: KillReport): void {
  const { startDelayMs: delay } = report;
  const rows = [
    ['kills', report.kills],
    ['slots', report.slots],
    ['started', `${report.started} (${((100 * report.started) / report.slots).toFixed(2)} %)`],
    ...Object.entries(report.missed).map(([reason, count]) => [`missed: ${reason}`, count] as const),
    ['started twice', report.doubles],
    ['without an outcome', report.undecided],
    [
      'runs',
      Object.entries(report.runs)
        .map(([status, count]) => `${status} ${count}`)
        .join(', '),
    ],
    ['slot to stored start, ms', `p50 ${delay.p50}, p99 ${delay.p99}, max ${delay.max}`],
    ['metric', `started ${report.metric.started}, missed ${report.metric.missed}`],
    ['statuses that differ', report.statusesThatDiffer],
  ] as const;
  process.stdout.write(`\nconcurrencyPolicy ${policy}\n`);
  for (const [name, value] of rows) process.stdout.write(`  ${name.padEnd(26)}${value}\n`);
}

function holds(report: KillReport, policy: 'Allow' | 'Forbid'): boolean {
  const missed = Object.values(report.missed).reduce((sum, count) => sum + count, 0);
  const share = report.started / report.slots;
  return (
    report.doubles === 0 &&
    report.undecided === 0 &&
    report.statusesThatDiffer === 0 &&
    report.started + missed === report.slots &&
    report.metric.started === report.started &&
    report.metric.missed === missed &&
    (policy === 'Forbid' || share >= 0.95)
  );
}

await main();
