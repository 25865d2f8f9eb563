/**
 * Three replicas, 10,000 CronJobs below the API and 100,000 slots. One replica is killed with `kill -9` every second and comes
 * back, PostgreSQL is restarted ten times, every second time with `kill -9`, and the wall clocks of two replicas are an hour
 * ahead and an hour behind, moved by libfaketime. Then every slot is held against the database, and against what the
 * replicas wrote down when they called a model. Must hold: no double start, exactly one outcome for every slot, no run
 * under another agent, no two runs of a job at once under Forbid and Replace, and 95 in 100 of the slots that were not in an
 * outage of all replicas started.
 */
import { parseArgs } from 'node:util';
import { type CronStormReport, runCronStorm } from '../test/disruptive/storm/cron-storm.ts';
import { fakeTime } from './libfaketime.ts';
import { listCounts, printFacts, shareOf } from './report.ts';

const defaults = {
  slots: '100000',
  jobs: '10000',
  every: '90',
  busy: '30',
  'kill-every': '1',
  restarts: '10',
  skew: '3600',
} as const;
const help = `npm run bench -- cron-kill [options]

  --slots N         until so many slots were due (${defaults.slots})
  --jobs N          CronJobs (${defaults.jobs})
  --every SECONDS   the interval of each CronJob, over which jitter spreads them (${defaults.every})
  --busy N          of the CronJobs, those whose slots often come during a run: every 3 s, runs of up to 4 s (${defaults.busy})
  --kill-every S    one replica is killed in each of these (${defaults['kill-every']})
  --restarts N      restarts of PostgreSQL (${defaults.restarts})
  --skew SECONDS    how far the clocks of two replicas are moved, ahead and behind (${defaults.skew})
  --seed N          which replica is killed when; a random one by default, which is printed
`;

const { values } = parseArgs({
  options: {
    ...mapValues(defaults, (value) => ({ type: 'string' as const, default: value })),
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', default: false },
  },
});

function mapValues<Key extends string, Value>(object: Readonly<Record<Key, string>>, change: (value: string) => Value) {
  return Object.fromEntries(Object.entries<string>(object).map(([key, value]) => [key, change(value)])) as Record<
    Key,
    Value
  >;
}

async function main(): Promise<void> {
  const skewMs = Number(values.skew) * 1_000;
  process.stdout.write(`seed ${values.seed}\n`);
  const report = await runCronStorm({
    slots: Number(values.slots),
    jobs: Number(values.jobs),
    everySeconds: Number(values.every),
    busyJobs: Number(values.busy),
    killEveryMs: Number(values['kill-every']) * 1_000,
    restarts: Number(values.restarts),
    skewsMs: [0, skewMs, -skewMs],
    moveClock: (ms) => ({ env: fakeTime(ms) }),
    seed: Number(values.seed),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  print(report);
  if (!holds(report)) process.exitCode = 1;
}

function print(report: CronStormReport): void {
  const { slots, startDelayMs: late } = report;
  printFacts([
    ['seconds', report.seconds.toFixed(0)],
    ['kills of a replica', `${report.kills}, and ${report.missedKills} when none was up`],
    ['restarts of PostgreSQL', `${report.restarts}, ${report.databaseAwaySeconds.toFixed(1)} s away`],
    ['no replica up', `${report.nobodyUpSeconds.toFixed(1)} s`],
    ['slots', slots],
    ['started', shareOf(report.started, slots)],
    ...Object.entries(report.missed).map(([reason, count]) => [`missed: ${reason}`, shareOf(count, slots)] as const),
    ['double starts', report.doubles],
    ['slots without exactly one outcome', report.notOneOutcome],
    ['runs under another agent', report.otherAgent],
    ['overlaps under Forbid and Replace', report.overlaps],
    ['slots while no replica was up', shareOf(report.inOutage, slots)],
    ['of the others, started', `${(100 * report.startedShare).toFixed(2)} %`],
    ['due to stored start, ms', `p50 ${late.p50}, p99 ${late.p99}, max ${late.max}`],
    ['stored start to attempt, ms', `p50 ${report.waitMs.p50}, p99 ${report.waitMs.p99}`],
    ['stored start to end, ms', `p50 ${report.endMs.p50}, p99 ${report.endMs.p99}, max ${report.endMs.max}`],
    ['runs', listCounts(report.runs)],
  ]);
}

function holds(report: CronStormReport): boolean {
  const faults = report.doubles + report.notOneOutcome + report.otherAgent + report.overlaps;
  return faults === 0 && report.startedShare >= 0.95;
}

if (values.help) process.stdout.write(help);
else await main();
