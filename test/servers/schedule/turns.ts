import { TalariaError } from '../../../core/lib/errors.ts';
import type { RunTurn, TurnResult } from '../../../gateway/agent/turn.ts';
import { assistantMessage } from '../../../gateway/sessions/items.ts';

/** Turns that last until the test ends them. */
export interface HeldTurns {
  readonly runTurn: RunTurn;
  /** How many have begun, a model called. */
  readonly begun: () => number;
  /** How many were aborted. */
  readonly aborted: () => number;
  /** Ends every turn that is held now, and all that come. */
  readonly release: () => void;
}

/** Turns that answer with `text` once they are released, or fail when they are aborted. */
export function holdTurns(text = 'done'): HeldTurns {
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  let aborted = 0;
  return {
    runTurn: async ({ onEffect, signal }) => {
      await onEffect?.();
      begun += 1;
      const abort = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => {
        aborted += 1;
        abort.reject(signal.reason);
      });
      await Promise.race([gate.promise, abort.promise]);
      return answer(text);
    },
    begun: () => begun,
    aborted: () => aborted,
    release: gate.resolve,
  };
}

/** Turns whose model answers with `text`. */
export function answerTurns(text: string): RunTurn {
  return async ({ onEffect }) => {
    await onEffect?.();
    return answer(text);
  };
}

/** Turns whose model fails. */
export const failTurns: RunTurn = async ({ onEffect }) => {
  await onEffect?.();
  throw new TalariaError('model_failed', 'the model server answered 500', { effectStarted: true });
};

/** What a turn gives that said `text`. */
export function answer(text: string): TurnResult {
  return {
    output: [assistantMessage(text)],
    finishReason: 'stop',
    usage: { inputTokens: 1, outputTokens: 1 },
    model: 'test',
  };
}
