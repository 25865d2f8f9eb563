import { TalariaError } from '../../core/lib/errors.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import { functionCallOutput, type Item, isItem } from '../sessions/items.ts';

/**
 * What the model sees of a session: the newest items within the Agent's bounds, as stored, oldest first. A call is never
 * parted from its result: what lost its other half at the edge is left out.
 */
export function boundHistory(stored: readonly unknown[], { sessions }: AgentEntry): readonly Item[] {
  const items = stored.filter(isItem);
  const newest = items.slice(Math.max(0, items.length - sessions.maxHistoryMessages));
  return withoutOrphans(withinTokens(newest, sessions.maxHistoryTokens));
}

/** Everything that the model sees but instructions. Throws `invalid_request` for a result that answers no call. */
export function conversation(
  history: readonly unknown[],
  agent: AgentEntry,
  { input, context }: { readonly input: readonly Item[]; readonly context?: readonly Item[] | undefined },
): readonly Item[] {
  return coherent([...(context ?? boundHistory(history, agent)), ...input]);
}

/** These items, each call with a result. Throws `invalid_request` for a result that answers no call. */
export function coherent(items: readonly Item[]): readonly Item[] {
  const orphan = orphanResults(items)[0];
  if (orphan !== undefined) {
    const message = `There is no open call ${JSON.stringify(orphan.slice(0, 100))} in this conversation. Send results of its own calls only.`;
    throw new TalariaError('invalid_request', message, { param: 'call_id' });
  }
  return answerOpenCalls(items);
}

/**
 * The items with a result for every call: one that nobody answered gets one that says so, since model servers refuse a
 * conversation with a call left open.
 */
export function answerOpenCalls(items: readonly Item[]): readonly Item[] {
  const answered = new Set(items.flatMap((item) => (item.type === 'function_call_output' ? [item.call_id] : [])));
  return items.flatMap((item) =>
    item.type === 'function_call' && !answered.has(item.call_id)
      ? [item, functionCallOutput(item.call_id, unanswered)]
      : [item],
  );
}

/** The results among these items whose call is not among them, by their call's id. */
export function orphanResults(items: readonly Item[]): readonly string[] {
  const calls = new Set<string>();
  return items.flatMap((item) => {
    if (item.type === 'function_call') calls.add(item.call_id);
    return item.type === 'function_call_output' && !calls.has(item.call_id) ? [item.call_id] : [];
  });
}

const unanswered = '{"error":"The call was not answered."}';

/** How many tokens an item is taken for: a token is four bytes of text, and each item costs a few for its frame. */
export function estimateTokens(item: Item): number {
  return itemTokens + Math.ceil(Buffer.byteLength(textIn(item)) / bytesPerToken);
}

const itemTokens = 4;
const bytesPerToken = 4;
/** What model servers charge for an image is between one and two thousand tokens at most sizes. */
const imageTokens = 1_000;

function withinTokens(items: readonly Item[], most: number | undefined): readonly Item[] {
  if (most === undefined) return items;
  let left = most;
  const first = items.findLastIndex((item) => {
    left -= estimateTokens(item);
    return left < 0;
  });
  return items.slice(first + 1);
}

function withoutOrphans(items: readonly Item[]): readonly Item[] {
  const orphans = new Set(orphanResults(items));
  if (orphans.size === 0) return items;
  return items.filter((item) => item.type !== 'function_call_output' || !orphans.has(item.call_id));
}

function textIn(item: Item): string {
  if (item.type === 'function_call') return item.name + item.arguments;
  const content = item.type === 'message' ? item.content : item.output;
  if (typeof content === 'string') return content;
  return content
    .map((part) => (part.type === 'input_image' ? ' '.repeat(imageTokens * bytesPerToken) : part.text))
    .join('');
}
