import { type Resolution, resolveJob } from '../../core/route/resolve.ts';
import type { DeliverTarget } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import { openAccount } from '../delivery/account-access.ts';
import { signingSecrets, type TargetId } from '../delivery/signing-secrets.ts';
import type { JobRun } from './job-run.ts';
import { RunFailure } from './run-failure.ts';

/**
 * Checks before money is spent that the run's own Agent serves and that prompt and targets can be used. Throws RunFailure.
 * The run never becomes another agent's: an Agent that was deleted and made again under the name has another uid.
 */
export function preflight(run: JobRun, table: Table): Resolution {
  const { job } = run.input;
  const resolution = resolveJob(table.routes, { ...job, agent: run.agent });
  if (resolution.kind === 'refused') throw new RunFailure(resolution.code, resolution.message);
  if (resolution.agent.uid !== run.agentUid) {
    throw new RunFailure('agent_replaced', `Agent "${run.agent}" was deleted and made again after the run was started`);
  }
  if (job.unresolved !== undefined) throw unresolved(`its references are not resolved (${job.unresolved})`);
  for (const target of job.deliver) checkTarget(run, `deliver/${target.name}`, target, table);
  for (const target of job.onFailure.deliver) checkTarget(run, `failure/${target.name}`, target, table);
  return resolution;
}

function checkTarget(run: JobRun, id: TargetId, target: DeliverTarget, table: Table): void {
  const { webhook, account, chatId = '', threadId = '' } = target;
  if (webhook !== undefined && signingSecrets(table, run.jobUid, id, webhook) === undefined) {
    throw unresolved(`the signing secret of target ${id} is missing`);
  }
  if (account === undefined) return;
  const access = openAccount(table, run.agent, { account, chatId, threadId });
  if (access.kind !== 'open') throw unresolved(`target ${id}: ${access.error}`);
}

function unresolved(what: string): RunFailure {
  return new RunFailure('refs_not_resolved', `${what}; see the condition ResolvedRefs of the CronJob`);
}
