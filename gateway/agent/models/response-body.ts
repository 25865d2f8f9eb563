import { isObject } from '../../../core/lib/is-object.ts';
import { type CallAssembly, createCallAssembly } from './call-assembly.ts';
import { unreadable } from './model-failure.ts';
import { ModelError, type Usage } from './port.ts';

/** What has come of an answer so far; `finishReason` is '' until the server said it. */
export interface Answer {
  text: string;
  finishReason: string;
  usage: Usage;
  /** Absent until a function is called. */
  calls?: CallAssembly;
}

/**
 * Takes the data of one event of a chat completions stream into `answer` and gives the text that it added; a refusal is
 * text too. Throws ModelError when it is not such an event or reports a failure.
 */
export function readChunk(data: string, answer: Answer): string {
  const chunk = parseObject(data);
  if (isObject(chunk.error)) throw reportedFailure(chunk.error);
  if (isObject(chunk.usage)) answer.usage = readUsage(chunk.usage);
  const choice = firstChoice(chunk);
  if (!choice) return '';
  if (typeof choice.finish_reason === 'string') answer.finishReason = choice.finish_reason;
  const delta = isObject(choice.delta) ? choice.delta : {};
  if (Array.isArray(delta.tool_calls)) for (const entry of delta.tool_calls) callsOf(answer).add(entry);
  const text = textIn(delta);
  answer.text += text;
  return text;
}

/** The answer in a whole chat completion. Throws ModelError when the text is not one. */
export function readWhole(text: string): Answer {
  const body = parseObject(text);
  if (isObject(body.error)) throw reportedFailure(body.error);
  const choice = firstChoice(body);
  if (!choice || !isObject(choice.message)) throw unreadable('it holds no choices[0].message');
  const answer: Answer = {
    text: textIn(choice.message),
    finishReason: typeof choice.finish_reason === 'string' ? choice.finish_reason : 'stop',
    usage: isObject(body.usage) ? readUsage(body.usage) : { inputTokens: 0, outputTokens: 0 },
  };
  const called = choice.message.tool_calls;
  if (Array.isArray(called)) for (const [at, entry] of called.entries()) callsOf(answer).add(entry, at);
  return answer;
}

type JsonObject = Readonly<Record<string, unknown>>;

function callsOf(answer: Answer): CallAssembly {
  answer.calls ??= createCallAssembly();
  return answer.calls;
}

function textIn({ content, refusal }: JsonObject): string {
  const text = typeof content === 'string' ? content : '';
  return typeof refusal === 'string' ? text + refusal : text;
}

function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unreadable('it is not JSON');
  }
  if (!isObject(value)) throw unreadable('it is not a JSON object');
  return value;
}

function firstChoice(body: JsonObject): JsonObject | undefined {
  const first: unknown = Array.isArray(body.choices) ? body.choices[0] : undefined;
  return isObject(first) ? first : undefined;
}

function readUsage(usage: JsonObject): Usage {
  const { prompt_tokens_details: input, completion_tokens_details: output } = usage;
  const cached = isObject(input) ? input.cached_tokens : undefined;
  const reasoning = isObject(output) ? output.reasoning_tokens : undefined;
  return {
    inputTokens: count(usage.prompt_tokens),
    outputTokens: count(usage.completion_tokens),
    ...(typeof cached === 'number' ? { cachedTokens: count(cached) } : {}),
    ...(typeof reasoning === 'number' ? { reasoningTokens: count(reasoning) } : {}),
  };
}

/** No call uses more than `mostTokens`: a server that says so is wrong, and what counts tokens must not overflow. */
function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.min(Math.round(value), mostTokens) : 0;
}

const mostTokens = 1_000_000_000;

function reportedFailure(error: JsonObject): ModelError {
  const code = typeof error.code === 'string' ? ` (${error.code.slice(0, 64)})` : '';
  return new ModelError(`the model server reported a failure inside its answer${code}`, {
    retryable: false,
    failure: 'server_error',
  });
}
