import type { Deadline } from '../../../core/lib/deadline.ts';

/** One part of a message's content, in the shape of the OpenAI chat completions API. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string; readonly detail?: string | undefined } };

/** A call of a function that the model asks for. `arguments` is the text that the model wrote, meant to be JSON. */
export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/** One message of a conversation, in the shape of the OpenAI chat completions API. */
export type ChatMessage =
  | {
      readonly role: 'system' | 'developer' | 'user';
      readonly content: string | readonly ContentPart[];
      readonly name?: string | undefined;
    }
  | {
      readonly role: 'assistant';
      /** Null or absent where the model only called functions. */
      readonly content?: string | readonly ContentPart[] | null | undefined;
      readonly tool_calls?: readonly ToolCall[] | undefined;
      readonly name?: string | undefined;
    }
  /** What the call `tool_call_id` gave. */
  | { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string | readonly ContentPart[] };

/** A function that the model may call. `parameters` is a JSON Schema. */
export interface FunctionTool {
  readonly name: string;
  readonly description?: string | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  readonly strict?: boolean | undefined;
}

/** Whether the model must call a function: by its own choice, never, any one, or this one. */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

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
  /** `verbosity` of the chat completions API. */
  readonly verbosity?: string;
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
}

/** Tokens of one call, or of one turn, all its calls together. The cached and reasoning ones are part of the others. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
}

/** A piece of an answer. Pieces of one call have one `index`; its id and name come with the first. */
export type Delta =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'tool_call';
      readonly index: number;
      readonly id?: string | undefined;
      readonly name?: string | undefined;
      readonly arguments: string;
    };

/** Takes an answer piece by piece; the next piece waits until it resolves. */
export type OnDelta = (delta: Delta) => void | Promise<void>;

/** What one call of a model gave. `finishReason` is `stop`, `length`, `tool_calls`, `content_filter` or the provider's own word. */
export interface ModelAnswer {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: string;
  readonly usage: Usage;
  /** Name of the model that answered: the Agent's own or one of its fallbacks. */
  readonly model: string;
}

/** One call of one model. */
export interface ModelCall {
  /** Everything that the model sees, instructions first. */
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly FunctionTool[] | undefined;
  readonly parameters: TurnParameters;
  /** The turn's. Its `signal` costs a timer: ask `isOver` where that is enough. */
  readonly limit: Deadline;
  /** Absent: the answer is wanted whole. */
  readonly onDelta?: OnDelta | undefined;
  /** Called as soon as anything of an answer came, and perhaps again: from here on it is paid for. */
  readonly onAnswer?: (() => void) | undefined;
}

/** One model of one provider. `complete` throws ModelError, or the reason of the call's limit once that is over. */
export interface ModelClient {
  readonly complete: (call: ModelCall) => Promise<ModelAnswer>;
}

/** Why a model call failed, in a word for metrics and traces: of the way to the server, of its refusal, or of its answer. */
export const modelFailures = [
  'address_refused',
  'unreachable',
  'timeout',
  'key_refused',
  'rate_limited',
  'request_refused',
  'server_error',
  'bad_answer',
] as const;

export type ModelFailure = (typeof modelFailures)[number];

/** A failed model call. `retryable`: nothing of an answer came and the same call may succeed. The message holds no secret. */
export class ModelError extends Error {
  readonly retryable: boolean;
  readonly failure: ModelFailure;
  /** How long the provider asked to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: ModelErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ModelError';
    this.retryable = options.retryable;
    this.failure = options.failure;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface ModelErrorOptions {
  readonly retryable: boolean;
  readonly failure: ModelFailure;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** The text of a message, its parts joined by line breaks. */
export function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}
