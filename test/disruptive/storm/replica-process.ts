/**
 * A gateway's background work as a program: `node replica-process.ts OPTIONS`, where OPTIONS is the JSON of ReplicaProcess.
 * It has the snapshot that the options describe, prints `ready` and its clock once it takes runs and has looked for due jobs, and runs until
 * it is killed or gets SIGTERM.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunTurn } from '../../../gateway/agent/turn.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { tableOf } from '../../servers/schedule/entries.ts';
import { startReplica } from '../../servers/schedule/replica.ts';
import { answer } from '../../servers/schedule/turns.ts';
import { busyAgent, busyTurnMs, type StormJobs, stormAgents, stormJobs } from './jobs.ts';
import { telegramTokens } from './telegram-accounts.ts';
import { createTurnLog } from './turn-log.ts';

export interface ReplicaProcess extends StormJobs {
  readonly databaseUrl: string;
  readonly name: string;
  /** Where its turns are written down. */
  readonly turnLog: string;
  /** A turn takes up to this long, but for that of a busy job. */
  readonly turnMs: number;
  /** Where the Telegram accounts of its Agents are; absent: they have none. */
  readonly telegramURL?: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as ReplicaProcess;
const turns = createTurnLog(options.turnLog);

const runTurn: RunTurn = async ({ resolution, run = '', onEffect, signal }) => {
  await onEffect?.();
  const end = turns.begin(run, resolution.agent.name);
  try {
    const longest = resolution.agent.name === busyAgent ? busyTurnMs : options.turnMs;
    await delay(Math.random() * longest, undefined, { signal });
    return answer('done');
  } finally {
    end();
  }
};

const agents = stormAgents(options, options.telegramURL);
const table = await tableOf({ sequence: 1, agents, jobs: stormJobs(options), credentials: telegramTokens(agents) });
const replica = startReplica({ url: options.databaseUrl, name: options.name, table, runTurn });
process.once('SIGTERM', () => void replica.stop().then(() => process.exit(0)));
await waitFor('the lease', replica.works, { timeoutMs: 120_000 });
await waitFor('the first tick', hasTicked(), { timeoutMs: 120_000 });
process.stdout.write(`ready ${Date.now()}\n`);

/** The age of the last tick grows from the start on, and falls with the first one that succeeds. */
function hasTicked(): () => Promise<boolean> {
  let oldest = 0;
  return async () => {
    const age = await replica.registry.getSingleMetric('talaria_schedule_tick_age_seconds')?.get();
    const seconds = age?.values[0]?.value ?? 0;
    oldest = Math.max(oldest, seconds);
    return seconds < oldest;
  };
}
