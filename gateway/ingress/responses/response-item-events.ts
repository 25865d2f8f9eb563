import type { TurnEvent } from '../../agent/steps.ts';
import { assistantMessage, type FunctionCallItem, type Item, spokenText } from '../../sessions/items.ts';
import { itemObject } from './response-object.ts';

/** Gives one event, ready to be written. */
export type WriteEvent = (type: string, fields: object) => string;

/** The events of the items of one response. */
export interface ItemEvents {
  readonly event: (event: TurnEvent) => string;
  /** The items so far, in the order in which they were opened; one that is still open is `incomplete`. */
  readonly output: () => readonly Item[];
}

/** Makes the events: each item is opened, filled and closed, in pieces where it comes in pieces, else at once. */
export function createItemEvents(write: WriteEvent): ItemEvents {
  const shown = new Map<string, Shown>();
  const openMessage = (id: string) => {
    const one = { place: shown.size, item: assistantMessage('', 'incomplete', id), pieces: '' };
    shown.set(id, one);
    return added(write, one, { ...one.item, status: 'in_progress', content: [] }) + partAdded(write, one);
  };
  const openCall = (id: string, callId: string, name: string) => {
    const item: FunctionCallItem = { ...emptyCall, id, call_id: callId, name };
    const one = { place: shown.size, item, pieces: '' };
    shown.set(id, one);
    return added(write, one, { ...item, status: 'in_progress' });
  };
  const openResult = (item: Item) => {
    const one = { place: shown.size, item, pieces: '' };
    shown.set(item.id, one);
    return added(write, one, { ...itemObject(item), status: 'in_progress' });
  };
  const add = (id: string, text: string) => {
    const one = shown.get(id);
    if (one === undefined || text === '') return '';
    one.pieces += text;
    return one.item.type === 'message' ? textDelta(write, one, text) : argumentsDelta(write, one, text);
  };
  const openWhole = (item: Item) => {
    if (item.type === 'message') return openMessage(item.id) + add(item.id, spokenText([item]));
    if (item.type === 'function_call_output') return openResult(item);
    return openCall(item.id, item.call_id, item.name) + add(item.id, item.arguments);
  };
  const close = (item: Item) => {
    const one = shown.get(item.id);
    if (one === undefined) return '';
    one.item = item;
    one.pieces = undefined;
    return filled(write, one) + write('response.output_item.done', { output_index: one.place, item: itemObject(item) });
  };
  const onEvent = (event: TurnEvent) => {
    if (event.type === 'item') return (shown.has(event.item.id) ? '' : openWhole(event.item)) + close(event.item);
    const isOpen = shown.has(event.id);
    if (event.type === 'text') return (isOpen ? '' : openMessage(event.id)) + add(event.id, event.text);
    return (isOpen ? '' : openCall(event.id, event.callId, event.name)) + add(event.id, event.arguments);
  };
  return { event: onEvent, output: () => [...shown.values()].map(asFarAsItCame) };
}

/** An item that was opened. */
interface Shown {
  readonly place: number;
  item: Item;
  /** What came of it; undefined once it is closed and `item` is whole. */
  pieces: string | undefined;
}

const emptyCall = { type: 'function_call', status: 'incomplete', arguments: '' } as const;

function added(write: WriteEvent, { place }: Shown, item: object): string {
  return write('response.output_item.added', { output_index: place, item });
}

function partAdded(write: WriteEvent, one: Shown): string {
  return write('response.content_part.added', { ...inText(one), part: textPart('') });
}

function textDelta(write: WriteEvent, one: Shown, delta: string): string {
  return write('response.output_text.delta', { ...inText(one), delta, logprobs: [] });
}

function argumentsDelta(write: WriteEvent, { item, place }: Shown, delta: string): string {
  return write('response.function_call_arguments.delta', { item_id: item.id, output_index: place, delta });
}

/** The events that say what an item holds now that it is whole. */
function filled(write: WriteEvent, one: Shown): string {
  const { item, place } = one;
  if (item.type === 'function_call') {
    const { id, name, arguments: text } = item;
    return write('response.function_call_arguments.done', { item_id: id, output_index: place, name, arguments: text });
  }
  if (item.type !== 'message') return '';
  const text = spokenText([item]);
  return (
    write('response.output_text.done', { ...inText(one), text, logprobs: [] }) +
    write('response.content_part.done', { ...inText(one), part: textPart(text) })
  );
}

function inText({ item, place }: Shown): object {
  return { item_id: item.id, output_index: place, content_index: 0 };
}

function textPart(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function asFarAsItCame({ item, pieces }: Shown): Item {
  if (pieces === undefined) return item;
  if (item.type === 'message') return assistantMessage(pieces, 'incomplete', item.id);
  return item.type === 'function_call' ? { ...item, arguments: pieces } : item;
}
