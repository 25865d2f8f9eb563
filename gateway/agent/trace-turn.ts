import { toWire } from '../../core/lib/id.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { Attributes, Span, Tracing } from '../tracing/tracing.ts';
import { boundSpan } from './bound-profile.ts';
import { addressOf, type WatchCall } from './models/models.ts';
import type { ModelAnswer, ToolCall, Usage } from './models/port.ts';

/** A turn, as its span tells of it. Ids are UUIDs; absent or '' where there is none. */
export interface TracedTurn {
  readonly resolution: Resolution;
  readonly run?: string | undefined;
  readonly session?: string | undefined;
}

/**
 * Spans of a turn, by the semantic conventions of OpenTelemetry for generative AI: `invoke_agent`, and in it `chat` for each
 * call of a model and `execute_tool` for each tool. They say who, how long, how much and how it ended, and nothing of what was
 * said.
 */
export function beginTurnSpan(
  tracing: Tracing | undefined,
  { resolution, run, session }: TracedTurn,
): Span | undefined {
  if (tracing === undefined) return undefined;
  const { agent, route, rule } = resolution;
  const start = {
    name: `invoke_agent ${agent.name}`,
    kind: 'internal',
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': agent.model.provider,
      'gen_ai.request.model': agent.model.name,
      'gen_ai.agent.name': agent.name,
      'gen_ai.agent.id': agent.uid,
      'gen_ai.conversation.id': session ? toWire('ses', session) : undefined,
      'talaria.run.id': run === undefined ? undefined : toWire('run', run),
      'talaria.route': route === undefined ? undefined : `${route}/${rule}`,
    },
  } as const;
  return boundSpan()?.child(start) ?? tracing.begin(start);
}

/** What the turn gave. */
export function endTurnSpan(
  span: Span | undefined,
  result: Pick<ModelAnswer, 'usage' | 'model' | 'finishReason'>,
): void {
  span?.set({ ...usageOf(result.usage), 'gen_ai.response.model': result.model, ...reasonOf(result.finishReason) });
  span?.end();
}

/** Makes a span of each call of a model, each try by itself. */
export const traceModelCall: WatchCall = ({ agent, settings, call, attempt }) => {
  const around = boundSpan();
  if (around === undefined) return () => undefined;
  const address = URL.parse(addressOf(settings) ?? '');
  const span = around.child({
    name: `chat ${settings.name}`,
    kind: 'client',
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': settings.provider,
      'gen_ai.request.model': settings.name,
      'gen_ai.request.stream': call.onDelta !== undefined,
      'gen_ai.request.temperature': call.parameters.temperature,
      'gen_ai.request.top_p': call.parameters.topP,
      'gen_ai.request.max_tokens': call.parameters.maxOutputTokens,
      'gen_ai.agent.name': agent,
      'server.address': address?.hostname,
      'server.port': address === null ? undefined : Number(address.port || (address.protocol === 'http:' ? 80 : 443)),
      'talaria.model.retry': attempt === 0 ? undefined : attempt,
    },
  });
  return (outcome, answer) => {
    if (answer !== undefined) {
      span.set({ ...usageOf(answer.usage), 'gen_ai.response.model': answer.model, ...reasonOf(answer.finishReason) });
    }
    span.end(outcome === 'ok' ? undefined : outcome);
  };
};

/** Begins the span of one call of the gateway's own tools. */
export function beginToolSpan({ id, function: { name } }: ToolCall): Span | undefined {
  return boundSpan()?.child({
    name: `execute_tool ${name}`,
    kind: 'internal',
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': name,
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': id,
    },
  });
}

function usageOf({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage): Attributes {
  return {
    'gen_ai.usage.input_tokens': inputTokens,
    'gen_ai.usage.output_tokens': outputTokens,
    'gen_ai.usage.cache_read.input_tokens': cachedTokens,
    'gen_ai.usage.reasoning.output_tokens': reasoningTokens,
  };
}

function reasonOf(finishReason: string): Attributes {
  return { 'gen_ai.response.finish_reasons': [finishReason] };
}
