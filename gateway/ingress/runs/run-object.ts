import { toWire } from '../../../core/lib/id.ts';
import type { StoredApproval } from '../../runs/approvals.ts';
import type { StoredRun } from '../../runs/read-run.ts';
import { runErrorOf } from '../../runs/run-error.ts';
import { spokenText } from '../../sessions/items.ts';
import { toSeconds, unixSeconds, usageObject } from '../api-object.ts';

/** A run as the API shows it. Times are Unix seconds, null where there is none yet. */
export function runObject(run: StoredRun, approvals: readonly StoredApproval[] = []): object {
  const waiting = approvals.filter(({ status }) => status === 'pending');
  return {
    id: toWire('run', run.id),
    object: 'run',
    status: run.status,
    agent: run.agent,
    route: run.route === '' ? null : `${run.route}/${run.rule}`,
    session_id: run.session === undefined ? null : toWire('ses', run.session),
    response_id: run.response === undefined ? null : toWire('resp', run.response),
    attempt: run.attempt,
    created_at: unixSeconds(run.createdAt),
    started_at: toSeconds(run.startedAt),
    finished_at: toSeconds(run.finishedAt),
    input: run.input,
    output: run.output,
    output_text: spokenText(run.output),
    finish_reason: run.finishReason ?? null,
    model: run.model ?? null,
    usage: run.usage === undefined ? null : usageObject(run.usage),
    cost: run.cost ?? null,
    error: runErrorOf(run.status, run.error) ?? null,
    approvals: waiting.map(({ callId, tool, arguments: written }) => ({
      call_id: callId,
      name: tool,
      arguments: written,
    })),
  };
}
