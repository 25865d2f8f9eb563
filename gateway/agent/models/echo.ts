import { type ChatMessage, type ModelClient, textOf } from './port.ts';

/** Answers with the last user message, word by word when streamed. Usage counts words. For trials and tests. */
export function createEchoModel(name: string): ModelClient {
  return {
    complete: async ({ messages, limit, onDelta }) => {
      const text = lastUserText(messages);
      for (const word of onDelta ? words(text) : []) {
        limit.throwIfOver();
        await onDelta?.({ type: 'text', text: word });
      }
      limit.throwIfOver();
      const inputTokens = messages.reduce((sum, message) => sum + words(textOf(message)).length, 0);
      return {
        text,
        toolCalls: [],
        finishReason: 'stop',
        usage: { inputTokens, outputTokens: words(text).length },
        model: name,
      };
    },
  };
}

function lastUserText(messages: readonly ChatMessage[]): string {
  const last = messages.findLast((message) => message.role === 'user');
  return last ? textOf(last) : '';
}

/** The pieces join to the whole text again. Without its second half the pattern takes minutes for a megabyte of blanks. */
function words(text: string): string[] {
  return text.match(/\s*\S+\s*|\s+/g) ?? [];
}
