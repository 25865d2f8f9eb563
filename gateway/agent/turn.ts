import { deadline } from '../../core/lib/deadline.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { Table } from '../config/table.ts';
import type { Metrics } from '../metrics.ts';
import type { Models } from './models/models.ts';
import { type ChatMessage, ModelError, type TurnParameters, type TurnResult } from './models/port.ts';

/** What one turn of an agent needs. */
export interface Turn {
  /** Names the agent; only core/route makes one, so no path reaches a model without it. */
  readonly resolution: Resolution;
  readonly table: Table;
  /** History and new input, without the agent's instructions. */
  readonly messages: readonly ChatMessage[];
  readonly parameters?: TurnParameters;
  /** Ends the turn early; the turn then throws the signal's reason. */
  readonly signal: AbortSignal;
  /** Takes the text as it comes; absent, the answer is wanted whole. */
  readonly onDelta?: ((text: string) => void | Promise<void>) | undefined;
  /** Awaited once, right before the first call of a model; when it throws, no call is made. */
  readonly onEffect?: (() => Promise<void>) | undefined;
}

/**
 * One turn under the agent's own instructions, model and credentials, within its `turnTimeoutSeconds`. Throws
 * TalariaError: `agent_not_ready` when no call could be made, `model_failed` when the call failed or took too long.
 */
export type RunTurn = (turn: Turn) => Promise<TurnResult>;

/** Makes RunTurn. `models` opens the model clients; its owner stops it. */
export function createTurnRunner({ models, metrics }: { models: Models; metrics: Metrics }): RunTurn {
  return async (turn) => {
    try {
      const result = await runWithin(turn, models);
      metrics.turns.inc({ agent: turn.resolution.agent.name, outcome: 'completed' });
      metrics.tokens.inc({ agent: turn.resolution.agent.name, direction: 'input' }, result.usage.inputTokens);
      metrics.tokens.inc({ agent: turn.resolution.agent.name, direction: 'output' }, result.usage.outputTokens);
      return result;
    } catch (error) {
      metrics.turns.inc({ agent: turn.resolution.agent.name, outcome: outcomeOf(error) });
      throw error;
    }
  };
}

async function runWithin(turn: Turn, models: Models): Promise<TurnResult> {
  const { table } = turn;
  const { agent } = turn.resolution;
  const call = models.forAgent(agent, table);
  const seconds = agent.limits.turnTimeoutSeconds;
  using limit = deadline(seconds * 1_000, turn.signal);
  await turn.onEffect?.();
  try {
    return await call({
      messages: withInstructions(turn),
      parameters: turn.parameters ?? {},
      signal: limit.signal,
      onDelta: turn.onDelta,
    });
  } catch (error) {
    if (turn.signal.aborted) throw turn.signal.reason;
    if (limit.expired()) throw failed(`the turn took longer than the ${seconds} s that its Agent allows`, error);
    if (error instanceof ModelError) throw failed(error.message, error);
    throw error;
  }
}

function withInstructions({ resolution, table, messages }: Turn): readonly ChatMessage[] {
  const { agent } = resolution;
  if (agent.instructions === undefined) return messages;
  return [{ role: 'system', content: table.text(agent.instructions) }, ...messages];
}

function failed(message: string, cause: unknown): TalariaError {
  return new TalariaError('model_failed', message, { cause, effectStarted: true });
}

function outcomeOf(error: unknown): string {
  return error instanceof TalariaError ? error.code : 'aborted';
}
