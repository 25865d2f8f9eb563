import type { Usage } from '../agent/models/port.ts';

/** A page of a list, as the OpenAI API writes it. `T` is what one entry looks like. */
export interface Page<T> {
  readonly object: 'list';
  readonly data: readonly T[];
  readonly first_id: unknown;
  readonly last_id: unknown;
  readonly has_more: boolean;
}

/** Makes a page; `idOf` gives what the next page's `after` names. */
export function pageOf<T extends object>(
  data: readonly T[],
  hasMore: boolean,
  idOf: (entry: T) => unknown = idIn,
): Page<T> {
  const [first, last] = [data[0], data.at(-1)].map((entry) => entry && idOf(entry));
  return { object: 'list', data, first_id: first ?? null, last_id: last ?? null, has_more: hasMore };
}

function idIn({ id }: { readonly id?: unknown }): unknown {
  return id;
}

/** What a run or response used, as the Open Responses specification writes it. */
export function usageObject({ inputTokens, outputTokens, cachedTokens = 0, reasoningTokens = 0 }: Usage): object {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}

/** A time, or Unix milliseconds, as the API writes it: whole Unix seconds. */
export function unixSeconds(at: Date | number): number {
  return Math.floor(Number(at) / 1_000);
}

/** The same of an instant that may not have come yet: null then. */
export function toSeconds(at: Date | undefined): number | null {
  return at === undefined ? null : unixSeconds(at);
}
