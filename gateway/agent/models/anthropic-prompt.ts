import type { AnthropicProvider } from '@ai-sdk/anthropic';
import { lowerOf } from '../../../core/lib/lower-of.ts';
import {
  type ChatMessage,
  type ContentPart,
  type FunctionTool,
  type ModelCall,
  ModelError,
  type ToolChoice,
  textOf,
} from './port.ts';
import type { RequestSettings } from './request-body.ts';

type CallOptions = Parameters<ReturnType<AnthropicProvider['languageModel']>['doStream']>[0];
type Message = CallOptions['prompt'][number];
type Content<Role extends Message['role']> = Exclude<Extract<Message, { role: Role }>['content'], string>[number];

/**
 * One call in the terms of the AI SDK. What Anthropic has no word for is left out: seed, the two penalties, verbosity, and a
 * response format without a schema.
 */
export function toCallOptions({ parameters: own }: Pick<RequestSettings, 'parameters'>, call: ModelCall): CallOptions {
  const { messages, parameters: asked, tools = [] } = call;
  const stop = asked.stop ?? own.stop;
  return {
    prompt: toPrompt(messages),
    providerOptions: {
      // Arguments that are streamed unchecked need not be JSON.
      anthropic: {
        toolStreaming: false,
        ...(asked.parallelToolCalls === false ? { disableParallelToolUse: true } : {}),
      },
    },
    ...definedOnly({
      maxOutputTokens: lowerOf(asked.maxOutputTokens, own.maxOutputTokens),
      temperature: asked.temperature ?? own.temperature,
      topP: asked.topP ?? own.topP,
      stopSequences: stop && [...stop],
      reasoning: toReasoning(asked.reasoningEffort ?? own.reasoningEffort, messages),
      responseFormat: toResponseFormat(asked.responseFormat),
      tools: tools.length === 0 ? undefined : tools.map(toTool),
      toolChoice: tools.length === 0 ? undefined : toToolChoice(asked.toolChoice),
    }),
  };
}

/** Instructions come first, wherever they stood: not every model takes them in the middle of a conversation. */
function toPrompt(messages: readonly ChatMessage[]): Message[] {
  const names = new Map<string, string>();
  const system = messages
    .filter(isInstruction)
    .map((message): Message => ({ role: 'system', content: textOf(message) }));
  const rest = messages.filter((message) => !isInstruction(message)).flatMap((message) => toMessage(message, names));
  return [...system.filter(({ content }) => content !== ''), ...rest];
}

function isInstruction({ role }: ChatMessage): boolean {
  return role === 'system' || role === 'developer';
}

/** Empty texts are left out, which Anthropic refuses, and with them messages that hold nothing else. */
function toMessage(message: ChatMessage, names: Map<string, string>): Message[] {
  if (message.role === 'tool') {
    const { tool_call_id: toolCallId } = message;
    const toolName = names.get(toolCallId) ?? '';
    return [
      { role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName, output: toOutput(message.content) }] },
    ];
  }
  if (message.role !== 'assistant') {
    const content = partsOf(message.content).map(toPart);
    return content.length === 0 ? [] : [{ role: 'user', content }];
  }
  const text = textOf(message);
  const said: Content<'assistant'>[] = text === '' ? [] : [{ type: 'text', text }];
  const calls = (message.tool_calls ?? []).map(
    ({ id, function: { name, arguments: written } }): Content<'assistant'> => {
      names.set(id, name);
      return { type: 'tool-call', toolCallId: id, toolName: name, input: toInput(written) };
    },
  );
  return said.length + calls.length === 0 ? [] : [{ role: 'assistant', content: [...said, ...calls] }];
}

type Output = Extract<Content<'tool'>, { type: 'tool-result' }>['output'];

function toOutput(content: string | readonly ContentPart[]): Output {
  if (typeof content === 'string') return { type: 'text', value: content };
  return { type: 'content', value: partsOf(content).map(toPart) };
}

function partsOf(content: string | readonly ContentPart[]): readonly ContentPart[] {
  const parts: readonly ContentPart[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return parts.filter((part) => part.type !== 'text' || part.text !== '');
}

type FilePart = Extract<Content<'user'>, { type: 'file' }>;

/** With bounds, for a client may write a type of megabytes, and every agent of the gateway would wait. */
const inlineImage = /^data:(image\/[^;,]{1,100})[^,]{0,400};base64,/i;

function toPart(part: ContentPart): { type: 'text'; text: string } | FilePart {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { url } = part.image_url;
  const inline = inlineImage.exec(url);
  if (inline?.[1] !== undefined) {
    return { type: 'file', mediaType: inline[1], data: { type: 'data', data: url.slice(inline[0].length) } };
  }
  const address = URL.parse(url);
  if (address?.protocol === 'http:' || address?.protocol === 'https:') {
    return { type: 'file', mediaType: 'image/*', data: { type: 'url', url: address } };
  }
  throw new ModelError('an image of the conversation is neither at an http address nor a data: URL in base64', {
    retryable: false,
    failure: 'request_refused',
  });
}

/** Anthropic takes an object only; what else a model wrote is shown to it inside of one. */
function toInput(written: string): unknown {
  try {
    const value: unknown = JSON.parse(written.trim() === '' ? '{}' : written);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // As below.
  }
  return { arguments: written };
}

type Tool = NonNullable<CallOptions['tools']>[number];

function toTool({ name, description, parameters, strict }: FunctionTool): Tool {
  const inputSchema = { type: 'object', ...parameters } as Extract<Tool, { type: 'function' }>['inputSchema'];
  return { type: 'function', name, inputSchema, ...definedOnly({ description, strict }) };
}

function toToolChoice(choice: ToolChoice | undefined): CallOptions['toolChoice'] | undefined {
  if (choice === undefined) return undefined;
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', toolName: choice.name };
}

function toResponseFormat(format: unknown): CallOptions['responseFormat'] | undefined {
  const { json_schema: wanted } = objectOf(format);
  const { schema, name, description } = objectOf(wanted);
  if (typeof schema !== 'object' || schema === null) return undefined;
  return {
    type: 'json',
    schema: schema as Record<string, unknown>,
    ...definedOnly({
      name: typeof name === 'string' ? name : undefined,
      description: typeof description === 'string' ? description : undefined,
    }),
  };
}

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const;

/**
 * The thoughts before a call are not kept, and Anthropic wants them back with what the call gave; so a model goes on
 * without thinking then.
 */
function toReasoning(
  effort: string | undefined,
  messages: readonly ChatMessage[],
): CallOptions['reasoning'] | undefined {
  const known = efforts.find((candidate) => candidate === effort);
  return messages.at(-1)?.role === 'tool' && known !== 'none' ? undefined : known;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** The fields that are there; the package tells an absent field from an undefined one. */
function definedOnly<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
