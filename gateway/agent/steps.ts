import type { Deadline } from '../../core/lib/deadline.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import {
  assistantMessage,
  functionCall,
  functionCallOutput,
  type Item,
  newItemId,
  toMessages,
} from '../sessions/items.ts';
import type {
  ChatMessage,
  Delta,
  FunctionTool,
  ModelAnswer,
  ModelCall,
  ToolCall,
  TurnParameters,
  Usage,
} from './models/port.ts';
import { type AskApproval, runTool } from './tools/run-tool.ts';
import type { Tool } from './tools/tool.ts';

/** What a turn says and does, as it does it. */
export type TurnEvent =
  /** A piece of the message `id`. */
  | { readonly type: 'text'; readonly id: string; readonly text: string }
  /** A piece of a call of one of the client's functions; `index` counts those, and id and name come with the first. */
  | {
      readonly type: 'call';
      readonly id: string;
      readonly index: number;
      readonly callId: string;
      readonly name: string;
      readonly arguments: string;
    }
  /** A whole item: a message, a call, or what a call of the gateway's own tools gave. In the order of the answer. */
  | { readonly type: 'item'; readonly item: Item };

/** Takes events one by one; the next waits until it resolves. */
export type OnTurnEvent = (event: TurnEvent) => void | Promise<void>;

export interface Steps {
  readonly agent: AgentEntry;
  /** Calls the agent's model, whichever of its models that is. */
  readonly callModel: (call: ModelCall) => Promise<ModelAnswer>;
  readonly messages: readonly ChatMessage[];
  /** Tools that the gateway runs. */
  readonly ownTools: readonly Tool[];
  /** Functions that the client runs: a call of one ends the turn. */
  readonly clientTools: readonly FunctionTool[];
  readonly parameters: TurnParameters;
  /** The turn's. Its `signal` costs a timer: ask `isOver` where that is enough. */
  readonly limit: Deadline;
  /** False: the model's answers are wanted whole, and only whole items are told. */
  readonly streams: boolean;
  readonly onEvent?: OnTurnEvent | undefined;
  readonly askApproval?: AskApproval | undefined;
}

/** What all steps together gave. */
export interface StepsResult {
  /** Everything that was said and done, in order. */
  readonly output: readonly Item[];
  readonly finishReason: string;
  readonly usage: Usage;
  /** Name of the model that answered last, and what each that was asked used. */
  readonly model: string;
  readonly usageByModel: ReadonlyMap<string, Usage>;
}

/**
 * Asks the model, runs the tools it calls and asks again, until it answers without a call, calls a function of the client,
 * or has had the Agent's `tools.maxSteps` steps: the last of them offers no tools, so that it ends in an answer. A call of a
 * function that nobody offered is told to the model.
 */
export async function takeSteps(steps: Steps): Promise<StepsResult> {
  const { agent, ownTools, clientTools, limit } = steps;
  const output: Item[] = [];
  const usageByModel = new Map<string, Usage>();
  const emit = async (item: Item) => {
    output.push(item);
    await steps.onEvent?.({ type: 'item', item });
  };
  let messages = steps.messages;
  let usage: Usage = { inputTokens: 0, outputTokens: 0 };
  const hasTools = ownTools.length > 0 || clientTools.length > 0;
  const callIds = new Set(hasTools ? messages.flatMap(callIdsOf) : []);
  for (let step = 1; ; step += 1) {
    const said = output.length;
    const streamed = createStepStream(steps, callIds);
    const answer = await steps.callModel(modelCall(steps, messages, step, streamed.onDelta));
    usage = addUsage(usage, answer.usage);
    usageByModel.set(answer.model, addUsage(usageByModel.get(answer.model), answer.usage));
    if (answer.text !== '' || answer.toolCalls.length === 0) {
      await emit(assistantMessage(answer.text, messageStatus(answer), streamed.messageId()));
    }
    const calls = answer.toolCalls.map((call, at) => ({ ...call, id: streamed.uniqueCallId(at, call.id) }));
    for (const { id } of calls) callIds.add(id);
    for (const [at, call] of calls.entries()) await emit({ ...functionCall(call), id: streamed.itemId(at) });
    const own = calls.filter((call) => !isOf(clientTools, call));
    const isLast = step >= agent.tools.maxSteps;
    for (const call of own) {
      const given = isLast
        ? noStepLeft
        : await runTool(ownTools, call, { agent, signal: limit.signal }, steps.askApproval);
      await emit(functionCallOutput(call.id, given));
    }
    if (isLast || own.length === 0 || own.length < answer.toolCalls.length) {
      const reason = own.length > 0 && own.length === answer.toolCalls.length ? 'length' : answer.finishReason;
      return { output, finishReason: reason, usage, model: answer.model, usageByModel };
    }
    messages = [...messages, ...toMessages(output.slice(said))];
  }
}

function modelCall(
  { agent, ownTools, clientTools, parameters, limit }: Steps,
  messages: readonly ChatMessage[],
  step: number,
  onDelta: ModelCall['onDelta'],
): ModelCall {
  const tools: readonly FunctionTool[] = ownTools.length === 0 ? clientTools : [...ownTools, ...clientTools];
  if (tools.length === 0) return { messages, parameters, limit, onDelta };
  const isLast = step >= agent.tools.maxSteps && ownTools.length > 0;
  // A choice that forces a call holds for the first step; kept, it would never let the turn end.
  const isForced = step > 1 && parameters.toolChoice !== undefined && parameters.toolChoice !== 'none';
  const toolChoice = isLast ? 'none' : isForced ? 'auto' : parameters.toolChoice;
  return {
    messages,
    tools,
    parameters: toolChoice === undefined ? parameters : { ...parameters, toolChoice },
    limit,
    onDelta,
  };
}

interface StepStream {
  readonly onDelta: ModelCall['onDelta'];
  readonly messageId: () => string;
  /** Id of the item of the answer's call at this place. */
  readonly itemId: (at: number) => string;
  /** The id of that call, or one of its own where an earlier call of the conversation has it: some servers count anew. */
  readonly uniqueCallId: (at: number, id: string) => string;
}

/** Passes the pieces of one model call on, with the ids that their items will have; own tools are not the client's to see. */
function createStepStream({ clientTools, streams, onEvent }: Steps, taken: ReadonlySet<string>): StepStream {
  const calls = new Map<number, { readonly id: string; callId: string; name: string; place: number }>();
  let message: string | undefined;
  let clientCalls = 0;
  const messageId = () => {
    message ??= newItemId('msg');
    return message;
  };
  const callOf = (index: number) => {
    const known = calls.get(index) ?? { id: newItemId('fc'), callId: '', name: '', place: -1 };
    calls.set(index, known);
    return known;
  };
  const uniqueCallId = (at: number, id: string) => {
    const call = callOf(at);
    call.callId ||= taken.has(id) ? newCallId() : id;
    return call.callId;
  };
  const onDelta = (delta: Delta) => {
    if (onEvent === undefined) return;
    if (delta.type === 'text') return onEvent({ type: 'text', id: messageId(), text: delta.text });
    const call = callOf(delta.index);
    if (delta.id) uniqueCallId(delta.index, delta.id);
    call.name ||= delta.name ?? '';
    if (!clientTools.some(({ name }) => name === call.name)) return;
    if (call.place < 0) {
      call.place = clientCalls;
      clientCalls += 1;
    }
    const { id, callId, name, place } = call;
    return onEvent({ type: 'call', id, index: place, callId, name, arguments: delta.arguments });
  };
  return { onDelta: streams ? onDelta : undefined, messageId, itemId: (at) => callOf(at).id, uniqueCallId };
}

function callIdsOf(message: ChatMessage): readonly string[] {
  return message.role === 'assistant' ? (message.tool_calls ?? []).map(({ id }) => id) : [];
}

function newCallId(): string {
  return `call_${newItemId('fc').slice(3)}`;
}

function messageStatus({ finishReason }: ModelAnswer): 'completed' | 'incomplete' {
  return finishReason === 'length' || finishReason === 'content_filter' ? 'incomplete' : 'completed';
}

/** What a model reads that calls a tool although none was offered any more. */
const noStepLeft = '{"error":"The call failed: the turn may take no further step."}';

function isOf(tools: readonly FunctionTool[], call: ToolCall): boolean {
  return tools.some(({ name }) => name === call.function.name);
}

function addUsage(left: Usage | undefined, right: Usage): Usage {
  if (left === undefined) return right;
  const cachedTokens = sum(left.cachedTokens, right.cachedTokens);
  const reasoningTokens = sum(left.reasoningTokens, right.reasoningTokens);
  return {
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
    ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
  };
}

function sum(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined && right === undefined ? undefined : (left ?? 0) + (right ?? 0);
}
