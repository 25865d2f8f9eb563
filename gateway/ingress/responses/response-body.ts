import { TalariaError } from '../../../core/lib/errors.ts';
import { isObject } from '../../../core/lib/is-object.ts';
import type { ChatMessage, FunctionTool, ToolChoice, TurnParameters } from '../../agent/models/port.ts';
import { storableText } from '../../sessions/storable.ts';
import { readBody, unsupported, withoutAbsent } from '../body.ts';
import { refuseUnsupportedTargets } from '../deliver.ts';
import { type EchoedFields, echoOf } from './response-echo.ts';
import { entriesOf, refuseUnsupportedItems, toInputMessages } from './response-input.ts';
import { listBodySchema, type ResponseBody, responseBodySchema } from './response-schema.ts';

/** A response as it was asked for. */
export interface ResponseRequest {
  /** '' when the request names none. */
  readonly model: string;
  /** At least one. */
  readonly input: readonly ChatMessage[];
  /** For this response alone. */
  readonly instructions: string | undefined;
  /** Those that may be called. */
  readonly tools: readonly FunctionTool[];
  readonly parameters: TurnParameters;
  /** The response to go on from, as the client wrote it. */
  readonly previous: string | undefined;
  /** The session to go on in, as the client wrote it. */
  readonly conversation: string | undefined;
  readonly stream: boolean;
  readonly store: boolean;
  readonly background: boolean;
  readonly deliver: ResponseBody['deliver'];
  readonly echoed: EchoedFields;
}

/**
 * Reads the body of `POST /v1/responses`. A field that this version does not act on is refused by name with
 * `unsupported_field` unless its value asks for nothing; anything else that does not fit is `invalid_request`.
 */
export function readResponseBody(body: unknown): ResponseRequest {
  refuseUnsupported(body);
  // A union would tell of a list that does not fit, and not of the item.
  const isList = isObject(body) && Array.isArray(body.input);
  const data = readBody(isList ? listBodySchema : responseBodySchema, body);
  const tools = (data.tools ?? []).map(({ type: _type, ...tool }) => withoutAbsent(tool) as FunctionTool);
  return {
    model: data.model ?? '',
    input: readInput(data.input),
    instructions: data.instructions ? storableText(data.instructions) : undefined,
    tools: allowedTools(tools, data.tool_choice),
    parameters: toParameters(data),
    previous: data.previous_response_id ?? undefined,
    conversation: isObject(data.conversation) ? data.conversation.id : (data.conversation ?? undefined),
    stream: data.stream ?? false,
    store: data.store ?? true,
    background: data.background ?? false,
    deliver: data.deliver,
    echoed: echoOf(data),
  };
}

function readInput(input: ResponseBody['input']): readonly ChatMessage[] {
  const messages = toInputMessages(input);
  if (messages.length > 0) return messages;
  throw new TalariaError('invalid_request', 'input: it says nothing that could be answered.', { param: 'input' });
}

function toParameters(data: ResponseBody): TurnParameters {
  return withoutAbsent({
    temperature: data.temperature,
    topP: data.top_p,
    presencePenalty: data.presence_penalty,
    frequencyPenalty: data.frequency_penalty,
    maxOutputTokens: data.max_output_tokens,
    responseFormat: toResponseFormat(data.text?.format),
    verbosity: data.text?.verbosity,
    reasoningEffort: data.reasoning?.effort,
    toolChoice: toToolChoice(data.tool_choice),
    parallelToolCalls: data.parallel_tool_calls,
  });
}

/** The format as the chat completions API writes it. */
function toResponseFormat(format: NonNullable<ResponseBody['text']>['format']): object | undefined {
  if (format === null || format === undefined || format.type === 'text') return undefined;
  if (format.type === 'json_object') return format;
  const { type, ...schema } = format;
  return { type, json_schema: withoutAbsent(schema) };
}

type Choice = ResponseBody['tool_choice'];

function toToolChoice(choice: Choice): ToolChoice | undefined {
  if (choice === null || choice === undefined) return undefined;
  if (typeof choice === 'string') return choice;
  return choice.type === 'function' ? { name: choice.name } : (choice.mode ?? 'auto');
}

/** What is not allowed is not offered, so that a call of it cannot come back. */
function allowedTools(tools: readonly FunctionTool[], choice: Choice): readonly FunctionTool[] {
  if (!isObject(choice) || choice.type !== 'allowed_tools') return tools;
  return tools.filter(({ name }) => choice.tools.some((allowed) => allowed.name === name));
}

/** What the schema could only call a wrong shape is told by name. */
function refuseUnsupported(body: unknown): void {
  if (!isObject(body)) return;
  refuseUnsupportedItems(body.input);
  refuseUnsupportedTargets(body);
  refuseTypes(body.tools, 'tools');
  const { tool_choice: choice, text } = body;
  if (isObject(choice)) {
    if (isUnknown(choice.type, choiceTypes)) throw unsupported('tool_choice.type');
    refuseTypes(choice.tools, 'tool_choice.tools');
  }
  const format = isObject(text) && isObject(text.format) ? text.format.type : undefined;
  if (isUnknown(format, formatTypes)) throw unsupported('text.format.type');
  if (body.background === true && body.stream === true) {
    throw unsupported('stream', 'A response in the background is read with GET: leave stream out.');
  }
}

const choiceTypes = ['function', 'allowed_tools'];
const formatTypes = ['text', 'json_object', 'json_schema'];

function refuseTypes(tools: unknown, path: string): void {
  for (const [at, { type }] of entriesOf(tools)) {
    if (isUnknown(type, ['function'])) throw unsupported(`${path}[${at}].type`, 'Tools of type function only.');
  }
}

function isUnknown(type: unknown, known: readonly string[]): boolean {
  return typeof type === 'string' && !known.includes(type);
}
