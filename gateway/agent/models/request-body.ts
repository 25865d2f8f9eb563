import type { ModelSettings } from '../../../core/snapshot/schema.ts';
import type { ModelCall, TurnParameters } from './port.ts';

/** The settings of one model that shape its requests. */
export type RequestSettings = Pick<ModelSettings, 'name' | 'parameters'>;

/**
 * The body of one chat completions request as JSON. The request's parameters win over the Agent's, except that the lower
 * output limit holds; the Agent's `extra` is merged in last.
 */
export function requestBody(settings: RequestSettings, call: ModelCall): string {
  const own = settings.parameters;
  const asked = call.parameters;
  return JSON.stringify({
    model: settings.name,
    messages: call.messages,
    ...(call.onDelta ? { stream: true, stream_options: { include_usage: true } } : {}),
    temperature: asked.temperature ?? own.temperature,
    top_p: asked.topP ?? own.topP,
    max_tokens: lower(asked.maxOutputTokens, own.maxOutputTokens),
    stop: asked.stop ?? own.stop,
    seed: asked.seed ?? own.seed,
    reasoning_effort: asked.reasoningEffort ?? own.reasoningEffort,
    frequency_penalty: asked.frequencyPenalty,
    presence_penalty: asked.presencePenalty,
    response_format: asked.responseFormat,
    ...parseExtra(own.extra),
  });
}

function lower(left: TurnParameters['maxOutputTokens'], right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return Math.min(left, right);
}

/** The operator accepts nothing but a JSON object here. */
function parseExtra(extra: string | undefined): Record<string, unknown> {
  if (extra === undefined) return {};
  const value: unknown = JSON.parse(extra);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
