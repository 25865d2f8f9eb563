import { type Deadline, deadline } from '../../core/lib/deadline.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Resolution } from '../../core/route/resolve.ts';
import type { Table } from '../config/table.ts';
import type { Metrics } from '../metrics.ts';
import type { Item } from '../sessions/items.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { withProfile } from './bound-profile.ts';
import { type Cost, costOf } from './cost.ts';
import { countUsage, type OnUsage } from './count-usage.ts';
import type { Models } from './models/models.ts';
import { type ChatMessage, type FunctionTool, ModelError, type TurnParameters, type Usage } from './models/port.ts';
import { type OnTurnEvent, type StepsResult, takeSteps } from './steps.ts';
import { type OwnToolsOptions, ownToolsOf } from './tools/own-tools.ts';
import type { AskApproval } from './tools/run-tool.ts';
import { skillList } from './tools/skills.ts';
import type { Tool } from './tools/tool.ts';
import { beginTurnSpan, endTurnSpan } from './trace-turn.ts';

/** What one turn of an agent needs. */
export interface Turn {
  /** Names the agent; only core/route makes one, so no path reaches a model without it. */
  readonly resolution: Resolution;
  readonly table: Table;
  /** The run that the turn belongs to, for logs and hooks; a stateless turn has none. UUID. */
  readonly run?: string | undefined;
  /** Its session, for logs and traces. UUID; '' or absent where there is none. */
  readonly session?: string | undefined;
  /** History and new input, without the agent's instructions. */
  readonly messages: readonly ChatMessage[];
  /** The client's own instructions, after those of the agent. */
  readonly instructions?: string | undefined;
  /** Functions of the client: a call of one ends the turn and is the client's to answer. */
  readonly tools?: readonly FunctionTool[] | undefined;
  readonly parameters?: TurnParameters | undefined;
  /** Ends the turn early; the turn then throws the signal's reason. */
  readonly signal: AbortSignal;
  /** Whether text is wanted as it comes; default: when there is an `onEvent`. */
  readonly streams?: boolean | undefined;
  /** Takes what is said and done: whole items, and where the turn streams, their pieces too. */
  readonly onEvent?: OnTurnEvent | undefined;
  /** Told for each call of a model what it used, however the turn ends; an estimate for a call that was cut off. */
  readonly onUsage?: OnUsage | undefined;
  /** Awaited once, right before the first call of a model; when it throws, no call is made. */
  readonly onEffect?: (() => Promise<void>) | undefined;
  /** Absent: a tool that needs an approval cannot be called. */
  readonly askApproval?: AskApproval | undefined;
}

/** What a turn gave. */
export interface TurnResult {
  /** Everything that was said and done, in order. */
  readonly output: readonly Item[];
  /** Why the model stopped: `stop`, `length`, `tool_calls`, `content_filter` or the provider's own word. */
  readonly finishReason: string;
  readonly usage: Usage;
  /** Name of the model that answered: the Agent's own or one of its fallbacks. */
  readonly model: string;
  /** By the prices that the Agent gives; absent without them. */
  readonly cost?: Cost | undefined;
}

/**
 * One turn under the agent's own instructions, skills, model and credentials, within its `turnTimeoutSeconds`, as its bound
 * profile. Throws
 * TalariaError: `agent_not_ready` when no call could be made, `invalid_request` when a function of the client has the name
 * of one of the agent's own tools, `model_failed` when a call failed or took too long.
 */
export type RunTurn = (turn: Turn) => Promise<TurnResult>;

export interface TurnRunnerOptions extends OwnToolsOptions {
  /** Opens the model clients; its owner stops it. */
  readonly models: Models;
  readonly metrics: Metrics;
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined;
}

/** Makes RunTurn. */
export function createTurnRunner(options: TurnRunnerOptions): RunTurn {
  const { metrics, tracing } = options;
  return async (turn) => {
    const { agent } = turn.resolution;
    const span = beginTurnSpan(tracing, turn);
    try {
      const profile = { agent: agent.name, agentUid: agent.uid, run: turn.run, session: turn.session };
      const result = await withProfile(profile, () => runWithin(turn, options), span);
      endTurnSpan(span, result);
      metrics.turns.add(1, agent.name, 'completed');
      metrics.tokens.add(result.usage.inputTokens, agent.name, 'input');
      metrics.tokens.add(result.usage.outputTokens, agent.name, 'output');
      const { output, finishReason, usage, model } = result;
      return { output, finishReason, usage, model, cost: costOf(agent, result.usageByModel) };
    } catch (error) {
      metrics.turns.add(1, agent.name, outcomeOf(error));
      span?.end(outcomeOf(error));
      throw error;
    }
  };
}

async function runWithin(turn: Turn, options: TurnRunnerOptions): Promise<StepsResult> {
  const { table } = turn;
  const { agent } = turn.resolution;
  const callModel = countUsage(options.models.forAgent(agent, table), turn.onUsage);
  const clientTools = turn.tools ?? [];
  const ownTools = ownToolsOf(agent, table, options);
  refuseSameNames(ownTools, clientTools);
  const seconds = agent.limits.turnTimeoutSeconds;
  using limit = deadline(seconds * 1_000, turn.signal);
  await turn.onEffect?.();
  try {
    return await takeSteps({
      agent,
      callModel,
      messages: withInstructions(turn),
      ownTools,
      clientTools,
      parameters: turn.parameters ?? {},
      limit,
      streams: turn.streams ?? turn.onEvent !== undefined,
      onEvent: turn.onEvent && ((event) => untilTaken(turn.onEvent?.(event), limit)),
      askApproval: turn.askApproval,
    });
  } catch (error) {
    if (turn.signal.aborted) throw turn.signal.reason;
    if (limit.expired()) throw failed(`the turn took longer than the ${seconds} s that its Agent allows`, error);
    if (error instanceof ModelError) throw failed(error.message, error);
    throw error;
  }
}

/** Whoever takes the events may be slow for ever; the turn is not. */
function untilTaken(taken: void | Promise<void>, limit: Deadline): void | Promise<void> {
  if (taken === undefined) return undefined;
  // Asking for the signal makes it: only an event that is waited for is worth one.
  const { signal } = limit;
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(signal.reason);
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp);
  return Promise.race([taken, promise]).finally(() => signal.removeEventListener('abort', giveUp));
}

function withInstructions({ resolution, table, messages, instructions = '' }: Turn): readonly ChatMessage[] {
  const { agent } = resolution;
  const persona = agent.instructions === undefined ? '' : table.text(agent.instructions);
  const parts = [persona, skillList(agent, table), instructions].filter((part) => part !== '');
  return parts.length === 0 ? messages : [{ role: 'system', content: parts.join('\n\n') }, ...messages];
}

function refuseSameNames(own: readonly Tool[], client: readonly FunctionTool[]): void {
  const same = own.length === 0 ? -1 : client.findIndex(({ name }) => own.some((tool) => tool.name === name));
  if (same < 0) return;
  const name = client[same]?.name ?? '';
  throw new TalariaError('invalid_request', `The agent has a tool of its own named ${name}. Give yours another name.`, {
    param: `tools[${same}]`,
  });
}

function failed(message: string, cause: unknown): TalariaError {
  return new TalariaError('model_failed', message, { cause, effectStarted: true });
}

function outcomeOf(error: unknown): string {
  return error instanceof TalariaError ? error.code : 'aborted';
}
