import { newHexId } from '../../core/lib/id.ts';
import type { ChatMessage, ContentPart, ToolCall } from '../agent/models/port.ts';
import { storable, storableText } from './storable.ts';

/**
 * One thing that was said or done, in the shape of an Open Responses item, as `items.data` holds it. Its texts can be
 * stored. The id stays with it, also in a forked session.
 */
export type Item = MessageItem | FunctionCallItem | FunctionCallOutputItem;

/** `incomplete`: the turn was interrupted before the message was. */
export interface MessageItem {
  readonly type: 'message';
  readonly id: string;
  readonly status: 'completed' | 'incomplete';
  readonly role: 'system' | 'developer' | 'user' | 'assistant';
  readonly content: readonly ItemPart[];
}

export interface FunctionCallItem {
  readonly type: 'function_call';
  readonly id: string;
  readonly status: 'completed' | 'incomplete';
  readonly call_id: string;
  readonly name: string;
  /** As the model wrote it, meant to be JSON. */
  readonly arguments: string;
}

export interface FunctionCallOutputItem {
  readonly type: 'function_call_output';
  readonly id: string;
  readonly status: 'completed' | 'incomplete';
  readonly call_id: string;
  readonly output: string | readonly ItemPart[];
}

export type ItemPart =
  | { readonly type: 'input_text'; readonly text: string }
  | { readonly type: 'output_text'; readonly text: string; readonly annotations: readonly [] }
  | { readonly type: 'input_image'; readonly image_url: string; readonly detail?: string | undefined };

/** The items of a chat message: an assistant's text and each of its calls are one each. */
export function toItems(message: ChatMessage): readonly Item[] {
  if (message.role === 'tool') return [functionCallOutput(message.tool_call_id, toOutput(message.content))];
  if (message.role !== 'assistant') return [messageItem(message.role, toParts(message.content, inputText))];
  const content = toParts(message.content ?? '', outputText);
  const said = content.some((part) => part.type === 'input_image' || part.text !== '');
  const calls = message.tool_calls ?? [];
  return [...(said || calls.length === 0 ? [messageItem('assistant', content)] : []), ...calls.map(functionCall)];
}

/** What the assistant said; `status` is `incomplete` for a part of an answer. */
export function assistantMessage(text: string, status: MessageItem['status'] = 'completed', id?: string): MessageItem {
  const content = [outputText(storableText(text))];
  return { type: 'message', id: id ?? newItemId('msg'), status, role: 'assistant', content };
}

/** Everything that the assistant said in these items, its messages apart by an empty line. */
export function spokenText(items: readonly Item[]): string {
  const only = items[0];
  // Nearly every answer is one message.
  if (items.length === 1 && only !== undefined) return assistantText(only)[0] ?? '';
  return items.flatMap(assistantText).join('\n\n');
}

/** What the assistant said last in these items; '' when it said nothing. */
export function finalText(items: readonly Item[]): string {
  return items.flatMap(assistantText).at(-1) ?? '';
}

/** The calls among these items that nothing has answered. */
export function openCalls(items: readonly Item[]): readonly FunctionCallItem[] {
  if (!items.some(({ type }) => type === 'function_call')) return [];
  const answered = new Set(items.flatMap((item) => (item.type === 'function_call_output' ? [item.call_id] : [])));
  return items.flatMap((item) => (item.type === 'function_call' && !answered.has(item.call_id) ? [item] : []));
}

/** The item of a call that a model asked for. */
export function functionCall(call: ToolCall): FunctionCallItem {
  return {
    type: 'function_call',
    id: newItemId('fc'),
    status: 'completed',
    call_id: storableText(call.id),
    name: storableText(call.function.name),
    arguments: storableText(call.function.arguments),
  };
}

/** The item of what a call gave. */
export function functionCallOutput(callId: string, output: FunctionCallOutputItem['output']): FunctionCallOutputItem {
  return {
    type: 'function_call_output',
    id: newItemId('fco'),
    status: 'completed',
    call_id: storableText(callId),
    output: storable(output) as FunctionCallOutputItem['output'],
  };
}

/** A new id for an item: `msg_`, `fc_` or `fco_` before 32 hex digits. */
export function newItemId(prefix: 'msg' | 'fc' | 'fco'): string {
  return `${prefix}_${newHexId()}`;
}

/**
 * The chat messages of items, in their order: calls in a row belong to one assistant message, that of the text before
 * them. Items of another type are passed over.
 */
export function toMessages(items: readonly unknown[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  /** Those of the last message; a client may send a hundred thousand, so they are added and never copied. */
  let calls: ToolCall[] | undefined;
  for (const item of items.filter(isItem)) {
    if (item.type !== 'function_call') {
      messages.push(toMessage(item));
      calls = undefined;
    } else if (calls === undefined) {
      calls = [toToolCall(item)];
      const last = messages.at(-1);
      if (last?.role === 'assistant') messages[messages.length - 1] = { ...last, tool_calls: calls };
      else messages.push({ role: 'assistant', content: null, tool_calls: calls });
    } else {
      calls.push(toToolCall(item));
    }
  }
  return messages;
}

function toMessage(item: Exclude<Item, FunctionCallItem>): ChatMessage {
  switch (item.type) {
    case 'message':
      return { role: item.role, content: toContent(item.content) };
    case 'function_call_output':
      return {
        role: 'tool',
        tool_call_id: item.call_id,
        content: typeof item.output === 'string' ? item.output : toContent(item.output),
      };
  }
}

function assistantText(item: Item): string[] {
  if (item.type !== 'message' || item.role !== 'assistant') return [];
  const only = item.content[0];
  if (item.content.length === 1 && only?.type === 'output_text') return [only.text];
  return [item.content.map((part) => (part.type === 'input_image' ? '' : part.text)).join('')];
}

/** The call as the chat completions API writes it. */
export function toToolCall(item: FunctionCallItem): ToolCall {
  return { id: item.call_id, type: 'function', function: { name: item.name, arguments: item.arguments } };
}

function messageItem(
  role: MessageItem['role'],
  content: readonly ItemPart[],
  status: MessageItem['status'] = 'completed',
  id = newItemId('msg'),
): MessageItem {
  return { type: 'message', id, status, role, content: storable(content) as readonly ItemPart[] };
}

function inputText(text: string): ItemPart {
  return { type: 'input_text', text };
}

function outputText(text: string): ItemPart {
  return { type: 'output_text', text, annotations: [] };
}

function toOutput(content: string | readonly ContentPart[]): FunctionCallOutputItem['output'] {
  return typeof content === 'string' ? content : toParts(content, inputText);
}

function toParts(content: string | readonly ContentPart[], toText: (text: string) => ItemPart): readonly ItemPart[] {
  if (typeof content === 'string') return [toText(content)];
  return content.map((part) =>
    part.type === 'text'
      ? toText(part.text)
      : { type: 'input_image', image_url: part.image_url.url, detail: part.image_url.detail },
  );
}

function toContent(parts: readonly ItemPart[]): string | ContentPart[] {
  const only = parts[0];
  if (parts.length === 1 && only && only.type !== 'input_image') return only.text;
  return parts.map((part) =>
    part.type === 'input_image'
      ? { type: 'image_url', image_url: { url: part.image_url, ...(part.detail ? { detail: part.detail } : {}) } }
      : { type: 'text', text: part.text },
  );
}

const itemTypes: readonly unknown[] = ['message', 'function_call', 'function_call_output'];

/** Whether a stored value is an item of a kind that this version knows. */
export function isItem(item: unknown): item is Item {
  return typeof item === 'object' && item !== null && 'type' in item && itemTypes.includes(item.type);
}
