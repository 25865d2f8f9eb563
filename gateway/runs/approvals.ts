import { untilStored } from '../../core/lib/until-stored.ts';
import type { Principal } from '../../core/route/principal.ts';
import type { ToolCall } from '../agent/models/port.ts';
import type { Approval } from '../agent/tools/run-tool.ts';
import type { Hints } from '../db/hints.ts';
import { callableAgents, ownedBy } from '../db/owned-by.ts';
import type { Database } from '../db/pool.ts';
import { storableText } from '../sessions/storable.ts';
import type { HeldRun } from './held-run.ts';
import { runError } from './run-error.ts';

export interface ApprovalOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell' | 'follow'>;
}

/**
 * Parks a run until a person has decided on one call of a tool, at most `timeoutSeconds`: what nobody decided is denied.
 * Throws the signal's reason, `run_unknown` when the run was taken from its worker, or `state_unavailable`.
 */
export async function awaitApproval(
  { database, hints }: ApprovalOptions,
  run: HeldRun,
  call: ToolCall,
  { timeoutSeconds, signal }: { readonly timeoutSeconds: number; readonly signal: AbortSignal },
): Promise<Approval> {
  const held = [run.id, run.worker, run.attempt];
  const { name, arguments: written } = call.function;
  const question = [...held, storableText(call.id), storableText(name), storableText(written)];
  const asked = await untilStored(() => database.prepared('ask-approval', askStatement, question), signal);
  if (asked.rowCount === 0) throw runError('run_unknown', 'it was taken from its worker');
  using decisions = hints.follow('run', run.id);
  const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1_000)]);
  for (;;) {
    signal.throwIfAborted();
    const settle = [...held, storableText(call.id), patience.aborted];
    const settled = () => database.prepared<{ status: string }>('settle-approval', settleStatement, settle);
    const status = (await untilStored(settled, signal)).rows[0]?.status;
    if (status === 'approved') return 'approved';
    if (status !== 'pending') return 'denied';
    await decisions.next(patience);
  }
}

/** A call that waits, or waited, for a decision. */
export interface StoredApproval {
  readonly callId: string;
  readonly tool: string;
  readonly arguments: string;
  readonly status: 'pending' | 'approved' | 'denied' | 'expired';
}

/** The calls of a run that a person was asked about, the oldest first. */
export async function listApprovals(
  database: Database,
  run: string,
  agent: string,
): Promise<readonly StoredApproval[]> {
  const { rows } = await database.prepared<StoredApproval>(
    'list-approvals',
    `select call_id as "callId", tool, arguments, status from approvals
     where run_id = $1 and agent = $2 order by asked_at, call_id`,
    [run, agent],
  );
  return rows;
}

/**
 * Decides on a call of this principal's run: the one with this id or, without an id, the one that waits. Gives the call's
 * id; undefined when none waits.
 */
export async function decideApproval(
  { database, hints }: Pick<ApprovalOptions, 'database'> & { readonly hints: Pick<Hints, 'tell'> },
  principal: Principal,
  {
    run,
    callId,
    decision,
  }: { readonly run: string; readonly callId?: string | undefined; readonly decision: Approval },
): Promise<string | undefined> {
  const { rows } = await database.prepared<{ call_id: string }>('decide-approval', decideStatement, [
    run,
    principal.id,
    callableAgents(principal),
    callId === undefined ? null : storableText(callId),
    decision,
  ]);
  if (rows.length > 0) hints.tell('run', run);
  return rows[0]?.call_id;
}

const askStatement = `
  with held as (
    update runs set status = 'waiting_for_approval'
    where id = $1 and worker = $2 and attempt = $3 and status = 'running'
    returning id, agent
  )
  insert into approvals (run_id, call_id, agent, tool, arguments, status)
  select id, $4, agent, $5, $6, 'pending' from held
  on conflict (run_id, call_id) do update
  set status = 'pending', tool = excluded.tool, arguments = excluded.arguments, asked_at = excluded.asked_at,
    decided_at = null, decided_by = ''`;

/** The call's status; when it waits no longer, its run goes on. */
const settleStatement = `
  with expired as (
    update approvals set status = 'expired', decided_at = talaria_now()
    where run_id = $1 and call_id = $4 and status = 'pending' and $5
      and agent = (select agent from runs where id = $1 and worker = $2 and attempt = $3)
    returning status
  ),
  now as (
    select coalesce((select status from expired), a.status) as status
    from approvals a join runs r on r.id = a.run_id and r.agent = a.agent
    where a.run_id = $1 and a.call_id = $4 and r.worker = $2 and r.attempt = $3
  ),
  resumed as (
    update runs set status = 'running'
    where id = $1 and worker = $2 and attempt = $3 and status = 'waiting_for_approval'
      and (select status from now) <> 'pending'
  )
  select status from now`;

const decideStatement = `
  update approvals a set status = $5, decided_at = talaria_now(), decided_by = $2
  from runs r
  where a.run_id = $1 and r.id = a.run_id and r.agent = a.agent and ${ownedBy('$2', '$3', 'r')}
    and r.status = 'waiting_for_approval'
    and a.status = 'pending' and ($4::text is null or a.call_id = $4)
  returning a.call_id`;
