import type { Usage } from '../../agent/models/port.ts';
import type { OnTurnEvent, TurnEvent } from '../../agent/steps.ts';
import type { TurnResult } from '../../agent/turn.ts';
import { openCalls, spokenText, toToolCall } from '../../sessions/items.ts';

/** What is the same in every piece of one answer. */
export interface AnswerFrame {
  /** `chatcmpl-...` */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** `talaria/<name>` of the agent that answers. */
  readonly model: string;
}

/** A whole chat completion. Calls that the gateway itself answered are not the client's and do not show. */
export function completion(frame: AnswerFrame, result: TurnResult): object {
  const text = spokenText(result.output);
  const calls = openCalls(result.output).map(toToolCall);
  const message = {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    refusal: null,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    id: frame.id,
    object: 'chat.completion',
    created: frame.created,
    model: frame.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: result.finishReason }],
    usage: usageBody(result.usage),
  };
}

/** The events of a streamed chat completion, each ready to be written. */
export interface ChunkWriter {
  readonly first: () => string;
  /** '' for an event that does not show. */
  readonly event: (event: TurnEvent) => string;
  /** The reason, the usage when it was asked for, and `[DONE]`. */
  readonly last: (result: Pick<TurnResult, 'finishReason' | 'usage'>) => string;
}

/** Makes the events; what they share is put together once. */
export function createChunkWriter(frame: AnswerFrame, includeUsage: boolean): ChunkWriter {
  const head = JSON.stringify({
    id: frame.id,
    object: 'chat.completion.chunk',
    created: frame.created,
    model: frame.model,
  }).slice(0, -1);
  const usageField = includeUsage ? ',"usage":null' : '';
  const chunk = (delta: string, reason: string) =>
    `data: ${head},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${reason}}]${usageField}}\n\n`;
  const begun = new Set<number>();
  let message = '';
  const textOf = (id: string, text: string) => {
    const separator = message !== '' && message !== id ? '\n\n' : '';
    message = id;
    return chunk(`{"content":${JSON.stringify(separator + text)}}`, 'null');
  };
  const callOf = (call: Extract<TurnEvent, { type: 'call' }>) => {
    const head = begun.has(call.index) ? {} : { id: call.callId, type: 'function' };
    const name = begun.has(call.index) ? {} : { name: call.name };
    begun.add(call.index);
    const piece = { index: call.index, ...head, function: { ...name, arguments: call.arguments } };
    return chunk(`{"tool_calls":[${JSON.stringify(piece)}]}`, 'null');
  };
  return {
    first: () => chunk('{"role":"assistant","content":""}', 'null'),
    event: (event) => {
      if (event.type === 'text') return textOf(event.id, event.text);
      return event.type === 'call' ? callOf(event) : '';
    },
    last: ({ finishReason, usage }) => {
      const usageChunk = `data: ${head},"choices":[],"usage":${JSON.stringify(usageBody(usage))}}\n\n`;
      return `${chunk('{}', JSON.stringify(finishReason))}${includeUsage ? usageChunk : ''}data: [DONE]\n\n`;
    },
  };
}

/** Gives the events of a stored result again, as when it was made: for a request that is repeated. */
export async function replayEvents(result: TurnResult, onEvent: OnTurnEvent): Promise<void> {
  for (const item of result.output) {
    if (item.type !== 'message') continue;
    await onEvent({ type: 'text', id: item.id, text: spokenText([item]) });
  }
  for (const [index, call] of openCalls(result.output).entries()) {
    const { id, call_id, name } = call;
    await onEvent({ type: 'call', id, index, callId: call_id, name, arguments: call.arguments });
  }
}

function usageBody({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage): object {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(cachedTokens === undefined ? {} : { prompt_tokens_details: { cached_tokens: cachedTokens } }),
    ...(reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}
