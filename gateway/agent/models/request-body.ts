import { isObject } from '../../../core/lib/is-object.ts';
import { lowerOf } from '../../../core/lib/lower-of.ts';
import type { ModelSettings } from '../../../core/snapshot/schema.ts';
import type { FunctionTool, ModelCall, ToolChoice, TurnParameters } from './port.ts';

/** The settings of one model that shape its requests. */
export type RequestSettings = Pick<ModelSettings, 'provider' | 'name' | 'parameters'>;

/**
 * The body of one chat completions request as JSON. The request's parameters win over the Agent's, except that the lower
 * output limit holds; the Agent's `extra` is merged in last.
 */
export function requestBody(settings: RequestSettings, call: ModelCall): string {
  const own = settings.parameters;
  const asked = call.parameters;
  const limit = lowerOf(asked.maxOutputTokens, own.maxOutputTokens);
  return JSON.stringify({
    model: settings.name,
    messages: call.messages,
    ...(call.onDelta ? { stream: true, stream_options: { include_usage: true } } : {}),
    temperature: asked.temperature ?? own.temperature,
    top_p: asked.topP ?? own.topP,
    // OpenAI's reasoning models refuse max_tokens; many servers know nothing else.
    ...(settings.provider === 'openai' ? { max_completion_tokens: limit } : { max_tokens: limit }),
    stop: asked.stop ?? own.stop,
    seed: asked.seed ?? own.seed,
    reasoning_effort: asked.reasoningEffort ?? own.reasoningEffort,
    frequency_penalty: asked.frequencyPenalty,
    presence_penalty: asked.presencePenalty,
    response_format: asked.responseFormat,
    verbosity: asked.verbosity,
    ...(call.tools === undefined || call.tools.length === 0 ? undefined : toolFields(call.tools, asked)),
    ...parseExtra(own.extra),
  });
}

/** `parameters.extra` of an Agent as an object; the operator accepts nothing but a JSON object here. */
export function parseExtra(extra: string | undefined): Readonly<Record<string, unknown>> {
  if (extra === undefined) return {};
  const value: unknown = JSON.parse(extra);
  return isObject(value) ? value : {};
}

/** Providers refuse the two settings without tools. */
function toolFields(tools: readonly FunctionTool[], { toolChoice, parallelToolCalls }: TurnParameters): object {
  return {
    tools: tools.map(({ name, description, parameters, strict }) => ({
      type: 'function',
      function: { name, description, parameters, strict },
    })),
    tool_choice: toToolChoice(toolChoice),
    parallel_tool_calls: parallelToolCalls,
  };
}

function toToolChoice(choice: ToolChoice | undefined): unknown {
  return typeof choice === 'object' ? { type: 'function', function: { name: choice.name } } : choice;
}
