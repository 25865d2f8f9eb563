import { setTimeout as delay } from 'node:timers/promises';
import { sleep } from '../../../core/lib/sleep.ts';
import type { TestPostgres } from '../../harness/postgres.ts';
import type { Random } from '../../isolation/random.ts';
import type { StormReplica, Stretch } from './replicas.ts';

export interface ChaosOptions {
  readonly replicas: readonly StormReplica[];
  readonly postgres: TestPostgres;
  /** One replica that is up is killed in each of these. */
  readonly killEveryMs: number;
  readonly restarts: number;
  /** The restarts are spread over this time; kills go on until `done`. */
  readonly restartsWithinMs: number;
  readonly random: Random;
  readonly done: () => Promise<boolean>;
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  readonly kills: number;
  /** Kills for which no replica was up. */
  readonly missedKills: number;
  readonly restarts: number;
  /** When PostgreSQL was away, in Unix milliseconds. */
  readonly databaseOutages: readonly Stretch[];
}

/**
 * Kills replicas with `kill -9` and restarts PostgreSQL, every second time with `kill -9` too, until `done` and every restart
 * was made. Which replica and when within its period comes from `random`.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const stopping = new AbortController();
  const [kills, databaseOutages] = await Promise.all([
    killUntil(stopping.signal, options),
    restartAll(options).finally(() => untilDone(options).finally(() => stopping.abort())),
  ]);
  return { ...kills, restarts: databaseOutages.length, databaseOutages };
}

const lookEveryMs = 500;

async function untilDone({ done }: ChaosOptions): Promise<void> {
  while (!(await done())) await delay(lookEveryMs);
}

/** Kills between two lines of progress. */
const killsPerLine = 20;

async function killUntil(stopping: AbortSignal, { replicas, killEveryMs, random, say }: ChaosOptions) {
  const startedAt = performance.now();
  let kills = 0;
  let missedKills = 0;
  for (let period = 0; !stopping.aborted; period += 1) {
    const at = startedAt + (period + random.next()) * killEveryMs;
    const choice = random.next();
    await sleep(Math.max(0, at - performance.now()), stopping);
    if (stopping.aborted) break;
    const up = replicas.filter((replica) => replica.isUp());
    const victim = up[Math.floor(choice * up.length)];
    if (victim === undefined) missedKills += 1;
    else kills += 1;
    await victim?.kill();
    if (period % killsPerLine === killsPerLine - 1) {
      say(`${((performance.now() - startedAt) / 1_000).toFixed(0)} s: ${kills} kills`);
    }
  }
  return { kills, missedKills };
}

async function restartAll({ postgres, restarts, restartsWithinMs, say }: ChaosOptions): Promise<Stretch[]> {
  const startedAt = performance.now();
  const outages: Stretch[] = [];
  for (let restart = 0; restart < restarts; restart += 1) {
    const at = startedAt + ((restart + 0.5) * restartsWithinMs) / restarts;
    await delay(Math.max(0, at - performance.now()));
    const from = Date.now();
    if (restart % 2 === 0) await postgres.restart();
    else await postgres.kill().then(postgres.start);
    outages.push({ from, to: Date.now() });
    say(`PostgreSQL was ${restart % 2 === 0 ? 'restarted' : 'killed and started'}, ${Date.now() - from} ms`);
  }
  return outages;
}
