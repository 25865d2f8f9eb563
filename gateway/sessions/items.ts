import type { ChatMessage, ContentPart } from '../agent/models/port.ts';
import { storable } from './storable.ts';

/** One thing that was said, in the shape of an Open Responses message item, as `items.data` holds it. */
export interface MessageItem {
  readonly type: 'message';
  readonly role: ChatMessage['role'];
  readonly content: readonly ItemPart[];
}

type ItemPart =
  | { readonly type: 'input_text' | 'output_text'; readonly text: string }
  | { readonly type: 'input_image'; readonly image_url: string; readonly detail?: string | undefined };

/** The item of a chat message, its text made storable. */
export function toItem(message: ChatMessage): MessageItem {
  const type = message.role === 'assistant' ? 'output_text' : 'input_text';
  const parts: readonly ContentPart[] =
    typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
  const content = parts.map(
    (part): ItemPart =>
      part.type === 'text'
        ? { type, text: part.text }
        : { type: 'input_image', image_url: part.image_url.url, detail: part.image_url.detail },
  );
  return storable({ type: 'message', role: message.role, content }) as MessageItem;
}

/** The chat messages of stored items, in their order. Items of another type are passed over. */
export function toMessages(items: readonly unknown[]): ChatMessage[] {
  return items.filter(isMessageItem).map((item) => ({ role: item.role, content: toContent(item.content) }));
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

function isMessageItem(item: unknown): item is MessageItem {
  return typeof item === 'object' && item !== null && 'type' in item && item.type === 'message';
}
