/** One part of a message's content, in the shape of the OpenAI chat completions API. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string; readonly detail?: string | undefined } };

/** One message of a conversation, in the shape of the OpenAI chat completions API. */
export interface ChatMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant';
  readonly content: string | readonly ContentPart[];
  readonly name?: string | undefined;
}

/** What a request may set for its own turn; it wins over the Agent's parameters, and the lower output limit holds. */
export interface TurnParameters {
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxOutputTokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly reasoningEffort?: string;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** `response_format` of the chat completions API, handed on as it is. */
  readonly responseFormat?: unknown;
}

/** Tokens of one turn, all model calls together. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What a turn gave. `finishReason` is the provider's word: `stop`, `length`, `content_filter`... */
export interface TurnResult {
  readonly text: string;
  readonly finishReason: string;
  readonly usage: Usage;
  /** Name of the model that answered: the Agent's own or one of its fallbacks. */
  readonly model: string;
}

/** One call of one model. */
export interface ModelCall {
  /** Everything that the model sees, instructions first. */
  readonly messages: readonly ChatMessage[];
  readonly parameters: TurnParameters;
  readonly signal: AbortSignal;
  /** Takes the text as it comes; the next piece waits until it resolves. Absent: the answer is wanted whole. */
  readonly onDelta?: ((text: string) => void | Promise<void>) | undefined;
  /** Called as soon as anything of an answer came, and perhaps again: from here on it is paid for. */
  readonly onAnswer?: (() => void) | undefined;
}

/** One model of one provider. `complete` throws ModelError, or the signal's reason once it is aborted. */
export interface ModelClient {
  readonly complete: (call: ModelCall) => Promise<TurnResult>;
}

/** A failed model call. `retryable`: nothing of an answer came and the same call may succeed. The message holds no secret. */
export class ModelError extends Error {
  readonly retryable: boolean;
  /** How long the provider asked to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { retryable: boolean; retryAfterMs?: number | undefined; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ModelError';
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The text of a message, its parts joined by line breaks. */
export function textOf(message: ChatMessage): string {
  if (typeof message.content === 'string') return message.content;
  return message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}
