import { toWire } from '../../../core/lib/id.ts';
import type { Usage } from '../../agent/models/port.ts';
import type { TurnResult } from '../../agent/turn.ts';
import { modelName } from '../../config/listing.ts';
import type { StoredRun } from '../../runs/read-run.ts';
import { runErrorOf } from '../../runs/run-error.ts';
import type { Item, ItemPart } from '../../sessions/items.ts';
import { unixSeconds, usageObject } from '../api-object.ts';
import type { EchoedFields } from './response-echo.ts';

/** What is the same in every state of one response. Ids are UUIDs. */
export interface ResponseFrame {
  readonly id: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly agent: string;
  readonly previous: string | undefined;
  /** '' or undefined where nothing is kept. */
  readonly session: string | undefined;
  readonly echoed: EchoedFields;
}

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

/** How far a response is. */
export interface ResponseState {
  readonly status: ResponseStatus;
  readonly output: readonly Item[];
  /** `max_output_tokens` or `content_filter`. */
  readonly incomplete?: string | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  readonly usage?: Usage | undefined;
  /** Unix milliseconds. */
  readonly completedAt?: number | undefined;
}

/** The response object of the Open Responses specification, every field of it, in the specification's order. */
export function responseObject(frame: ResponseFrame, state: ResponseState): object {
  const { instructions, tools, ...echoed } = frame.echoed;
  const { status, completedAt, incomplete, usage } = state;
  return {
    id: toWire('resp', frame.id),
    object: 'response',
    created_at: unixSeconds(frame.createdAt),
    completed_at: status === 'completed' && completedAt !== undefined ? unixSeconds(completedAt) : null,
    status,
    incomplete_details: incomplete === undefined ? null : { reason: incomplete },
    model: modelName(frame.agent),
    previous_response_id: frame.previous === undefined ? null : toWire('resp', frame.previous),
    conversation: frame.session ? { id: toWire('ses', frame.session) } : null,
    instructions,
    output: state.output.map(itemObject),
    error: state.error ?? null,
    tools,
    ...echoed,
    top_logprobs: 0,
    max_tool_calls: null,
    service_tier: 'default',
    usage: usage === undefined ? null : usageObject(usage),
  };
}

/** An item as the API shows it. */
export function itemObject(item: Item): object {
  if (item.type === 'message') return { ...item, content: item.content.map(partObject) };
  if (item.type === 'function_call' || typeof item.output === 'string') return item;
  return { ...item, output: item.output.map(partObject) };
}

/** The state of a response whose turn has given this. */
export function endedState(result: TurnResult, completedAt: number | undefined): ResponseState {
  const { output, usage, finishReason } = result;
  const incomplete = incompleteReasons[finishReason];
  return { status: incomplete === undefined ? 'completed' : 'incomplete', output, incomplete, usage, completedAt };
}

/** The state of a response that this run makes or made. */
export function stateOfRun(run: StoredRun): ResponseState {
  const { output, usage, model, status } = run;
  if (status === 'completed') {
    const result = { output, usage: usage ?? noUsage, model: model ?? '', finishReason: run.finishReason ?? 'stop' };
    return endedState(result, run.finishedAt?.getTime());
  }
  return { status: statuses[status], output, error: runErrorOf(status, run.error) };
}

function partObject(part: ItemPart): object {
  if (part.type === 'output_text') return { ...part, logprobs: [] };
  return part.type === 'input_image' ? { ...part, detail: part.detail ?? 'auto' } : part;
}

const noUsage: Usage = { inputTokens: 0, outputTokens: 0 };

const incompleteReasons: Readonly<Record<string, string | undefined>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

const statuses = {
  queued: 'queued',
  running: 'in_progress',
  waiting_for_approval: 'in_progress',
  stopping: 'in_progress',
  failed: 'failed',
  cancelled: 'cancelled',
  unknown: 'failed',
} as const satisfies Record<Exclude<StoredRun['status'], 'completed'>, ResponseStatus>;
