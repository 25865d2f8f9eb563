import { z } from 'zod';
import { isObject } from '../../../core/lib/is-object.ts';
import type { ChatMessage, ContentPart } from '../../agent/models/port.ts';
import { asksForNothing, unsupported } from '../body.ts';
import { imageURL } from '../chat-completions/chat-body.ts';

const textPart = z.object({ type: z.enum(['input_text', 'output_text']), text: z.string() });
const refusalPart = z.object({ type: z.literal('refusal'), refusal: z.string() });
const imagePart = z.object({
  type: z.literal('input_image'),
  image_url: imageURL,
  detail: z.string().max(32).nullish(),
});
const part = z.discriminatedUnion('type', [textPart, refusalPart, imagePart]);
const content = z.union([z.string(), z.array(part).min(1)], {
  error: 'it is neither a text nor a list of `input_text`, `output_text`, `refusal` and `input_image` parts',
});
const callId = z.string().min(1).max(256);

/** One input item; a message needs no `type`. */
export const inputItemSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message').nullish(),
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content,
  }),
  z.object({
    type: z.literal('function_call'),
    call_id: callId,
    name: z.string().min(1).max(256),
    arguments: z.string(),
  }),
  z.object({ type: z.literal('function_call_output'), call_id: callId, output: content }),
  z.object({ type: z.literal('reasoning').describe('Passed over: a model does not read the reasoning of another.') }),
]);

type InputItem = z.output<typeof inputItemSchema>;

/** The messages that an input says; each item is one. */
export function toInputMessages(input: string | readonly InputItem[]): readonly ChatMessage[] {
  return typeof input === 'string' ? [{ role: 'user', content: input }] : input.flatMap(toMessages);
}

/** Names what the schema could only call a wrong shape: kinds of items and parts that this gateway does not act on. */
export function refuseUnsupportedItems(input: unknown): void {
  for (const [at, item] of entriesOf(input)) {
    const type = item.type ?? ('role' in item ? 'message' : 'item_reference');
    if (typeof type === 'string' && !itemTypes.has(type)) throw unsupported(`input[${at}].type`, itemCure);
    refuseUnsupportedParts(item.content, `input[${at}].content`);
    if (type === 'function_call_output') refuseUnsupportedParts(item.output, `input[${at}].output`);
  }
}

/** The objects of a list with their places in it; none for anything else. */
export function entriesOf(value: unknown): [at: number, entry: Readonly<Record<string, unknown>>][] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry, at) => (isObject(entry) ? [[at, entry]] : []));
}

const itemTypes = new Set(['message', 'function_call', 'function_call_output', 'reasoning']);
const partTypes = new Set(['input_text', 'output_text', 'refusal', 'input_image']);
const itemCure = 'Send messages, calls of functions and their results.';

function refuseUnsupportedParts(content: unknown, path: string): void {
  for (const [at, { type, file_id: fileId }] of entriesOf(content)) {
    if (typeof type === 'string' && !partTypes.has(type))
      throw unsupported(`${path}[${at}].type`, 'Send text and images.');
    if (type === 'input_image' && !asksForNothing(fileId ?? null)) {
      throw unsupported(`${path}[${at}].file_id`, 'Send the image as image_url.');
    }
  }
}

function toMessages(item: InputItem): readonly ChatMessage[] {
  if (item.type === 'reasoning') return [];
  if (item.type === 'function_call') {
    const { call_id: id, name, arguments: args } = item;
    const call = { id, type: 'function', function: { name, arguments: args } } as const;
    return [{ role: 'assistant', content: null, tool_calls: [call] }];
  }
  if (item.type === 'function_call_output') {
    return [{ role: 'tool', tool_call_id: item.call_id, content: toContent(item.output) }];
  }
  return [{ role: item.role, content: toContent(item.content) }];
}

function toContent(said: z.output<typeof content>): string | readonly ContentPart[] {
  return typeof said === 'string' ? said : said.map(toPart);
}

function toPart(said: z.output<typeof part>): ContentPart {
  if (said.type === 'input_image') {
    return { type: 'image_url', image_url: { url: said.image_url, ...(said.detail ? { detail: said.detail } : {}) } };
  }
  return { type: 'text', text: said.type === 'refusal' ? said.refusal : said.text };
}
