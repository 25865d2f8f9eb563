import type { AgentEntry, JobEntry } from '../../../core/snapshot/schema.ts';
import { agentEntry, jobEntry } from '../../servers/schedule/entries.ts';

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

/** The Agents of a storm. */
export function stormAgents({ agents }: StormJobs): AgentEntry[] {
  return [agentEntry(busyAgent), ...Array.from({ length: agents }, (_, index) => agentEntry(`agent-${index}`))];
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
