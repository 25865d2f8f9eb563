import { toWire } from '../../../core/lib/id.ts';
import type { StoredApproval } from '../../runs/approvals.ts';
import type { StoredRun } from '../../runs/read-run.ts';
import { spokenText } from '../../sessions/items.ts';

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
    created_at: seconds(run.createdAt),
    started_at: seconds(run.startedAt),
    finished_at: seconds(run.finishedAt),
    input: run.input,
    output: run.output,
    output_text: spokenText(run.output),
    finish_reason: run.finishReason ?? null,
    model: run.model ?? null,
    usage: run.usage === undefined ? null : usageObject(run.usage),
    cost: run.cost ?? null,
    error: run.error ?? null,
    approvals: waiting.map(({ callId, tool, arguments: written }) => ({
      call_id: callId,
      name: tool,
      arguments: written,
    })),
  };
}

function usageObject({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: NonNullable<StoredRun['usage']>) {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens ?? 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens ?? 0 },
    total_tokens: inputTokens + outputTokens,
  };
}

function seconds(at: Date | undefined): number | null {
  return at === undefined ? null : Math.floor(at.getTime() / 1_000);
}
