import type { Dispatcher } from 'undici';
import { deadline } from '../../../core/lib/deadline.ts';
import type { ModelSettings } from '../../../core/snapshot/schema.ts';
import { readAnswer } from './anthropic-answer.ts';
import { anthropicFailure } from './anthropic-failure.ts';
import { toCallOptions } from './anthropic-prompt.ts';
import { tooSlow } from './model-failure.ts';
import { createPackageFetch } from './package-fetch.ts';
import type { ModelClient } from './port.ts';
import { parseExtra } from './request-body.ts';

/** One model behind the messages wire format of Anthropic. */
export interface AnthropicOptions {
  readonly settings: Pick<ModelSettings, 'name' | 'parameters' | 'timeoutSeconds'>;
  /** Without `/messages`. */
  readonly baseURL: string;
  /** Sent to `baseURL` only; redirects are not followed. */
  readonly apiKey: string;
  readonly dispatcher: Dispatcher;
}

/**
 * A client that reads and writes the wire format with the AI SDK's provider package, which is loaded by the first call.
 * Connections, deadlines and retries are ours. An answer is always streamed, also one that is wanted whole: so a server that
 * fell silent is noticed, and long answers are no exception.
 */
export function createAnthropicModel({ settings, baseURL, apiKey, dispatcher }: AnthropicOptions): ModelClient {
  const { origin } = new URL(baseURL);
  const totalMs = settings.timeoutSeconds * 1_000;
  const fetch = createPackageFetch({ dispatcher, totalMs, extra: parseExtra(settings.parameters.extra) });
  return {
    complete: async (call) => {
      using ownLimit = deadline(totalMs, call.limit.signal);
      try {
        call.limit.throwIfOver();
        const { createAnthropic } = await import('@ai-sdk/anthropic');
        const model = createAnthropic({ baseURL, apiKey, fetch }).languageModel(settings.name);
        const { stream } = await model.doStream({ ...toCallOptions(settings, call), abortSignal: ownLimit.signal });
        return { ...(await readAnswer(stream, call)), model: settings.name };
      } catch (error) {
        call.limit.throwIfOver();
        if (ownLimit.expired()) throw tooSlow(settings.timeoutSeconds, ownLimit.reason());
        throw anthropicFailure(error, { origin, apiKey, call });
      }
    },
  };
}
