import type { AgentEntry, JobEntry } from '../../../core/snapshot/schema.ts';
import { agentEntry, jobEntry } from '../../servers/schedule/entries.ts';
import { telegramAccount } from './telegram-accounts.ts';

/** What the CronJobs of a storm are. The same numbers give the same jobs in every process. */
export interface StormJobs {
  readonly jobs: number;
  readonly agents: number;
  readonly everySeconds: number;
  /** Of the jobs, those whose slots often come during a run: every 3 s, by an agent that takes up to 4 s. */
  readonly busyJobs: number;
}

/** The Agent of the busy jobs. */
export const busyAgent = 'busy';
const busySeconds = 3;
export const busyTurnMs = 4_000;

/** The Agents of a storm; with `telegramURL` each but the busy one has a Telegram account there. */
export function stormAgents({ agents }: StormJobs, telegramURL?: string): AgentEntry[] {
  const names = Array.from({ length: agents }, (_, index) => `agent-${index}`);
  const accounts = (name: string) => (telegramURL === undefined ? [] : [telegramAccount(name, telegramURL)]);
  return [agentEntry(busyAgent), ...names.map((name) => agentEntry(name, { accounts: accounts(name) }))];
}

/** The CronJobs of a storm: seven in ten under Forbid, the others under Allow and Replace; jitter spreads their slots. */
export function stormJobs({ jobs, agents, everySeconds, busyJobs }: StormJobs): JobEntry[] {
  return Array.from({ length: jobs }, (_, index) => {
    const busy = index < busyJobs;
    const every = busy ? busySeconds : everySeconds;
    return jobEntry(`job-${index}`, {
      agent: busy ? busyAgent : `agent-${index % agents}`,
      schedule: `@every ${every}s`,
      concurrencyPolicy: policies[index % policies.length] ?? 'Forbid',
      jitterSeconds: every - 1,
      runsHistoryLimit: 1_000,
    });
  });
}

const policies = [
  'Forbid',
  'Replace',
  'Forbid',
  'Allow',
  'Forbid',
  'Forbid',
  'Allow',
  'Forbid',
  'Forbid',
  'Forbid',
] as const;
