import { backoffMs } from '../../../core/lib/backoff.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import { sleep } from '../../../core/lib/sleep.ts';
import type { AgentEntry, ModelSettings } from '../../../core/snapshot/schema.ts';
import { createEchoModel } from './echo.ts';
import { type ModelCall, type ModelClient, ModelError, type TurnResult } from './port.ts';

/** One model of an Agent, its own or a fallback. */
type OneModel = Omit<ModelSettings, 'fallbacks'>;

/** Where a credential's value comes from: a Table. */
export interface Credentials {
  readonly credential: (name: string) => string | undefined;
}

/** Opens the models of agents over kept connections. */
export interface Models {
  /**
   * A call that tries the Agent's model and then its fallbacks, each with its own retries and its own key, until the first
   * token came. Throws TalariaError `agent_not_ready` at once when the Agent's own model cannot be used at all.
   */
  readonly forAgent: (agent: AgentEntry, credentials: Credentials) => (call: ModelCall) => Promise<TurnResult>;
  readonly stop: () => Promise<void>;
}

/** Models whose connections end with `stop`. */
export function createModels(): Models {
  return {
    forAgent: (agent, credentials) => {
      const { fallbacks, ...own } = agent.model;
      const first = openModel(agent.name, own, credentials);
      return async (call) => {
        const tracked = trackFirstToken(call);
        const failures: unknown[] = [];
        for (const settings of [own, ...fallbacks]) {
          try {
            const client = settings === own ? first : openModel(agent.name, settings, credentials);
            return await withRetries(client, settings, tracked);
          } catch (error) {
            failures.push(error);
            if (call.signal.aborted || tracked.began()) break;
          }
        }
        throw failures[0];
      };
    },
    stop: async () => undefined,
  };
}

function openModel(agent: string, settings: OneModel, _credentials: Credentials): ModelClient {
  if (settings.provider === 'echo') return createEchoModel(settings.name);
  throw new TalariaError(
    'agent_not_ready',
    `Agent ${agent}: the model provider ${settings.provider} is not implemented yet`,
  );
}

interface TrackedCall extends ModelCall {
  readonly began: () => boolean;
}

function trackFirstToken(call: ModelCall): TrackedCall {
  const { onDelta } = call;
  let began = false;
  if (!onDelta) return { ...call, began: () => began };
  const track = (text: string) => {
    began = true;
    return onDelta(text);
  };
  return { ...call, onDelta: track, began: () => began };
}

async function withRetries(client: ModelClient, settings: OneModel, call: TrackedCall): Promise<TurnResult> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await client.complete(call);
    } catch (error) {
      const again = error instanceof ModelError && error.retryable && !call.began() && attempt < settings.maxRetries;
      if (!again) throw error;
      await sleep(Math.min(error.retryAfterMs ?? backoffMs(attempt, 250, 4_000), 10_000), call.signal);
      call.signal.throwIfAborted();
    }
  }
}
