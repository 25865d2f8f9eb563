import { boundProfile } from '../../gateway/agent/bound-profile.ts';
import type { Models } from '../../gateway/agent/models/models.ts';

/** Models wait here while the world has not changed yet. */
export interface Gate {
  readonly wait: () => Promise<void>;
  readonly open: () => void;
  readonly close: () => void;
}

/** A gate that is closed. */
export function createGate(): Gate {
  let current = Promise.withResolvers<void>();
  return {
    wait: () => current.promise,
    open: () => current.resolve(),
    close: () => {
      current = Promise.withResolvers<void>();
    },
  };
}

/** Models that say what they found in their instructions, what key they had and whose turn it is; some take a while. */
export function taggedModels(gate: Gate): Models {
  const usage = { inputTokens: 1, outputTokens: 1 };
  let calls = 0;
  return {
    forAgent: (agent, credentials) => async (call) => {
      const key = credentials.credential(agent.model.apiKey ?? '') ?? '';
      calls += 1;
      if (calls % 2 === 0) await gate.wait();
      const text = JSON.stringify({ ...readMessages(call.messages), key, bound: boundProfile()?.agent });
      await call.onDelta?.({ type: 'text', text });
      return { text, toolCalls: [], finishReason: 'stop', usage, model: agent.model.name };
    },
    stop: async () => undefined,
  };
}

function readMessages(messages: readonly { readonly role: string; readonly content?: unknown }[]) {
  const textOf = (role: string) => String(messages.find((message) => message.role === role)?.content ?? '');
  return { tag: /<(.*?)>/.exec(textOf('system'))?.[1] ?? '', asked: textOf('user') };
}
