import { toItems } from '../sessions/items.ts';
import { estimateTokens } from '../turns/history.ts';
import type { Delta, ModelAnswer, ModelCall, Usage } from './models/port.ts';

/** Is told what one call of a model used, as soon as the call has ended. */
export type OnUsage = (usage: Usage) => void;

/**
 * The same calls, each of which tells what it used: what the answer says, or for a call that was cut off an estimate of its
 * prompt and of what of the answer came. A call that failed before anything of an answer came used nothing.
 */
export function countUsage(
  callModel: (call: ModelCall) => Promise<ModelAnswer>,
  onUsage: OnUsage | undefined,
): (call: ModelCall) => Promise<ModelAnswer> {
  if (onUsage === undefined) return callModel;
  return async (call) => {
    call.limit.throwIfOver();
    const followed = followCall(call);
    let answer: ModelAnswer;
    try {
      answer = await callModel(followed.call);
    } catch (error) {
      if (followed.began() || call.limit.isOver()) {
        onUsage({ inputTokens: promptTokens(call), outputTokens: followed.outputTokens() });
      }
      throw error;
    }
    onUsage(answer.usage);
    return answer;
  };
}

interface FollowedCall {
  readonly call: ModelCall;
  readonly began: () => boolean;
  /** An estimate of what came so far. */
  readonly outputTokens: () => number;
}

function followCall(call: ModelCall): FollowedCall {
  const { onDelta } = call;
  let began = false;
  let bytes = 0;
  const onAnswer = () => {
    began = true;
    call.onAnswer?.();
  };
  const follow = (delta: Delta) => {
    began = true;
    bytes += Buffer.byteLength(delta.type === 'text' ? delta.text : (delta.name ?? '') + delta.arguments);
    return onDelta?.(delta);
  };
  return {
    call: { ...call, onAnswer, onDelta: onDelta && follow },
    began: () => began,
    outputTokens: () => Math.ceil(bytes / bytesPerToken),
  };
}

const bytesPerToken = 4;

function promptTokens({ messages, tools = [] }: ModelCall): number {
  const ofMessages = messages.flatMap(toItems).reduce((sum, item) => sum + estimateTokens(item), 0);
  const ofTools = tools.length === 0 ? 0 : Math.ceil(Buffer.byteLength(JSON.stringify(tools)) / bytesPerToken);
  return ofMessages + ofTools;
}
