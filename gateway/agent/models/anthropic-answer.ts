import type { AnthropicProvider } from '@ai-sdk/anthropic';
import { createCallAssembly, finishReasonOf } from './call-assembly.ts';
import { endedEarly } from './model-failure.ts';
import type { Delta, ModelAnswer, ModelCall, Usage } from './port.ts';

type Model = ReturnType<AnthropicProvider['languageModel']>;
type Stream = Awaited<ReturnType<Model['doStream']>>['stream'];
type Part = Stream extends ReadableStream<infer P> ? P : never;
type Finish = Extract<Part, { type: 'finish' }>;

/**
 * Reads a stream of the AI SDK to its end, each part once the one before was taken. Throws what the stream reports, or
 * ModelError when it ends early.
 */
export async function readAnswer(stream: Stream, call: ModelCall): Promise<Omit<ModelAnswer, 'model'>> {
  const reader = stream.getReader();
  const answer = createAnswerReader();
  try {
    // The stream is not handed over before its first part came, and that was no failure.
    call.onAnswer?.();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const delta of answer.take(value)) await handOn(delta, call);
    }
    const { deltas, ...whole } = answer.finish();
    for (const delta of deltas) await handOn(delta, call);
    return whole;
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function handOn(delta: Delta, { onDelta, limit }: ModelCall): Promise<void> {
  limit.throwIfOver();
  await onDelta?.(delta);
}

interface AnswerReader {
  readonly take: (part: Part) => readonly Delta[];
  readonly finish: () => Omit<ModelAnswer, 'model'> & { readonly deltas: readonly Delta[] };
}

function createAnswerReader(): AnswerReader {
  const calls = createCallAssembly();
  /** The calls whose arguments came in pieces. */
  const inPieces = new Set<string>();
  let text = '';
  let finish: Finish | undefined;
  const add = (id: string, name: string | undefined, written: string): readonly Delta[] => {
    calls.add({ id, function: { name, arguments: written } });
    return calls.drain();
  };
  const take = (part: Part): readonly Delta[] => {
    switch (part.type) {
      case 'text-delta':
        text += part.delta;
        return part.delta === '' ? [] : [{ type: 'text', text: part.delta }];
      case 'tool-input-start':
        return part.providerExecuted ? [] : add(part.id, part.toolName, '');
      case 'tool-input-delta':
        inPieces.add(part.id);
        return add(part.id, undefined, part.delta);
      case 'tool-call':
        return part.providerExecuted || inPieces.has(part.toolCallId)
          ? []
          : add(part.toolCallId, undefined, part.input);
      case 'finish':
        finish = part;
        return [];
      case 'error':
        if (!isUnknownEvent(part.error)) throw part.error;
        return [];
      default:
        return [];
    }
  };
  return {
    take,
    finish: () => {
      if (finish === undefined || finish.finishReason.unified === 'interrupted') throw endedEarly();
      const toolCalls = calls.finish();
      const finishReason = finishReasonOf(reasonOf(finish.finishReason), toolCalls.length);
      return { text, toolCalls, finishReason, usage: readUsage(finish.usage), deltas: calls.drain() };
    },
  };
}

function reasonOf({ unified, raw }: Finish['finishReason']): string {
  if (unified === 'content-filter') return 'content_filter';
  if (unified === 'tool-calls') return 'tool_calls';
  return unified === 'stop' || unified === 'length' ? unified : (raw ?? unified);
}

function readUsage({ inputTokens, outputTokens }: Finish['usage']): Usage {
  return {
    inputTokens: inputTokens.total ?? 0,
    outputTokens: outputTokens.total ?? 0,
    ...(inputTokens.cacheRead === undefined ? {} : { cachedTokens: inputTokens.cacheRead }),
    ...(outputTokens.reasoning === undefined ? {} : { reasoningTokens: outputTokens.reasoning }),
  };
}

/** Anthropic says that events of new types may come and are to be passed over; the package reports them as errors. */
function isUnknownEvent(error: unknown): boolean {
  if (!(error instanceof Error) || !('value' in error)) return false;
  const { value } = error;
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  return typeof value.type === 'string' && !knownEvents.has(value.type);
}

const knownEvents = new Set([
  'message_start',
  'message_delta',
  'message_stop',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'error',
  'ping',
]);
