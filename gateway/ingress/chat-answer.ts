import type { TurnResult, Usage } from '../agent/models/port.ts';

/** What is the same in every piece of one answer. */
export interface AnswerFrame {
  /** `chatcmpl-...` */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** `talaria/<name>` of the agent that answers. */
  readonly model: string;
}

/** A whole chat completion. */
export function completion(frame: AnswerFrame, result: TurnResult): object {
  return {
    id: frame.id,
    object: 'chat.completion',
    created: frame.created,
    model: frame.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: result.text, refusal: null },
        logprobs: null,
        finish_reason: result.finishReason,
      },
    ],
    usage: usageBody(result.usage),
  };
}

/** The events of a streamed chat completion, each ready to be written. */
export interface ChunkWriter {
  readonly first: () => string;
  readonly delta: (text: string) => string;
  /** The reason, the usage when it was asked for, and `[DONE]`. */
  readonly last: (result: TurnResult) => string;
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
  return {
    first: () => chunk('{"role":"assistant","content":""}', 'null'),
    delta: (text) => chunk(`{"content":${JSON.stringify(text)}}`, 'null'),
    last: ({ finishReason, usage }) => {
      const usageChunk = `data: ${head},"choices":[],"usage":${JSON.stringify(usageBody(usage))}}\n\n`;
      return `${chunk('{}', JSON.stringify(finishReason))}${includeUsage ? usageChunk : ''}data: [DONE]\n\n`;
    },
  };
}

function usageBody({ inputTokens, outputTokens }: Usage): object {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}
