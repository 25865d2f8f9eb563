import { beginning } from '../delivery/parts.ts';
import type { Item, ItemPart } from '../sessions/items.ts';

/** How much of what came of a run is stored, in UTF-16 units: its text, all its items together, and all that it sends. */
export interface ResultBounds {
  readonly text: number;
  readonly items: number;
  readonly outbox: number;
}

const mi = 1024 * 1024;

/** What one statement stores well within its time. */
export const wholeResult: ResultBounds = { text: 4 * mi, items: 8 * mi, outbox: 8 * mi };
/** What is left when it did not. */
export const smallResult: ResultBounds = { text: mi / 4, items: mi / 4, outbox: mi / 4 };

/** The text, or as much of its beginning as is kept, with a note. */
export function boundText(text: string, most: number): string {
  return text.length <= most ? text : `${beginning(text, most)}\n\n${note}`;
}

const note = '(It goes on; it is cut here, and no more of it is kept.)';

/** How long they are together, in UTF-16 units of JSON. */
export function sizeOfItems(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + JSON.stringify(item).length, 0);
}

/** The items, all of them; when they are too long together, each is cut that has more than its share. */
export function boundItems(items: readonly Item[], most: number): readonly Item[] {
  if (sizeOfItems(items) <= most) return items;
  const share = Math.floor(most / items.length);
  return items.map((item) => (sizeOfItems([item]) <= share ? item : cutItem(item, share)));
}

function cutItem(item: Item, most: number): Item {
  switch (item.type) {
    case 'message':
      return { ...item, content: cutParts(item.content, most) };
    case 'function_call':
      // A part of a JSON text is none.
      return { ...item, arguments: '{}' };
    case 'function_call_output': {
      const { output } = item;
      return { ...item, output: typeof output === 'string' ? boundText(output, most) : cutParts(output, most) };
    }
  }
}

function cutParts(parts: readonly ItemPart[], most: number): readonly ItemPart[] {
  const share = Math.floor(most / Math.max(1, parts.length));
  return parts.map((part) => {
    if (part.type !== 'input_image') return { ...part, text: boundText(part.text, share) };
    return part.image_url.length <= share
      ? part
      : { type: 'input_text', text: '(An image; it is too large to be kept.)' };
  });
}
