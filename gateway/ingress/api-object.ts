import type { Usage } from '../agent/models/port.ts';

/** A page of a list, as the OpenAI API writes it; `more`: others follow. */
export function listPage(data: readonly { readonly id?: unknown }[], more: boolean): object {
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: more,
  };
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
