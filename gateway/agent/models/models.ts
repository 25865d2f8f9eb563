import { Agent, type Dispatcher } from 'undici';
import { backoffMs } from '../../../core/lib/backoff.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import { sleep } from '../../../core/lib/sleep.ts';
import type { AgentEntry, ModelSettings } from '../../../core/snapshot/schema.ts';
import { type EgressPolicy, guardedConnector } from '../../egress.ts';
import { createAnthropicModel } from './anthropic.ts';
import { createEchoModel } from './echo.ts';
import { createOpenAiCompatibleModel } from './openai-compatible.ts';
import { type ModelAnswer, type ModelCall, type ModelClient, ModelError } from './port.ts';

/** One model of an Agent, its own or a fallback. */
type OneModel = Omit<ModelSettings, 'fallbacks'>;

/** Where a credential's value comes from: a Table. */
export interface Credentials {
  readonly credential: (name: string) => string | undefined;
}

/** Opens the models of agents over kept connections. */
export interface Models {
  /**
   * A call that tries the Agent's model and then its fallbacks, each with its own retries and its own key, until anything of
   * an answer came: what is paid for is never asked for twice. Throws TalariaError `agent_not_ready` at once when the Agent's own model cannot be used at all.
   */
  readonly forAgent: (agent: AgentEntry, credentials: Credentials) => (call: ModelCall) => Promise<ModelAnswer>;
  /** Breaks the open calls and closes the connections. */
  readonly stop: () => Promise<void>;
}

/** Models that are reached at the addresses which `egress` permits. */
export function createModels({ egress }: { readonly egress: EgressPolicy }): Models {
  const dispatcher = new Agent({
    connect: guardedConnector(egress, connectTimeoutMs),
    keepAliveTimeout: 30_000,
    connections: 256,
  });
  const open = createOpener(dispatcher);
  return {
    forAgent: (agent, credentials) => {
      open(agent.name, agent.model, credentials);
      return (call) => callInOrder(agent, call, (settings) => open(agent.name, settings, credentials));
    },
    stop: () => dispatcher.destroy(),
  };
}

const connectTimeoutMs = 10_000;

async function callInOrder(
  agent: AgentEntry,
  call: ModelCall,
  open: (settings: OneModel) => ModelClient,
): Promise<ModelAnswer> {
  const tracked = trackAnswer(call);
  const failures: unknown[] = [];
  for (const settings of [agent.model, ...agent.model.fallbacks]) {
    try {
      return await withRetries(open(settings), settings, tracked);
    } catch (error) {
      failures.push(error);
      if (call.signal.aborted || tracked.began()) throw error;
    }
  }
  throw failures[0];
}

/** Clients are kept per entry of the snapshot, so that a turn opens none. */
function createOpener(dispatcher: Dispatcher) {
  const kept = new WeakMap<OneModel, { readonly key: string | undefined; readonly client: ModelClient }>();
  return (agent: string, settings: OneModel, credentials: Credentials): ModelClient => {
    const key = settings.apiKey === undefined ? undefined : credentials.credential(settings.apiKey);
    const known = kept.get(settings);
    if (known && known.key === key) return known.client;
    const client = openModel(agent, settings, key, dispatcher);
    kept.set(settings, { key, client });
    return client;
  };
}

function openModel(agent: string, settings: OneModel, apiKey: string | undefined, dispatcher: Dispatcher): ModelClient {
  if (settings.provider === 'echo') return createEchoModel(settings.name);
  if (settings.apiKey !== undefined && apiKey === undefined) throw keyMissing(agent);
  if (settings.provider === 'anthropic') {
    if (apiKey === undefined) throw keyMissing(agent);
    return createAnthropicModel({ settings, baseURL: settings.baseURL ?? anthropicBaseURL, apiKey, dispatcher });
  }
  const baseURL = settings.baseURL ?? (settings.provider === 'openai' ? openAiBaseURL : undefined);
  if (baseURL === undefined) throw notReady(agent, 'its model has no address', 'Set model.baseURL');
  return createOpenAiCompatibleModel({ settings, baseURL, apiKey, dispatcher });
}

const openAiBaseURL = 'https://api.openai.com/v1';
const anthropicBaseURL = 'https://api.anthropic.com/v1';

function keyMissing(agent: string): TalariaError {
  return notReady(agent, "its model's API key is missing", 'Make the Secret and key that model.apiKeySecretRef names');
}

function notReady(agent: string, why: string, cure: string): TalariaError {
  return new TalariaError('agent_not_ready', `Agent "${agent}" is not ready: ${why}. ${cure} in the Agent.`);
}

interface TrackedCall extends ModelCall {
  readonly began: () => boolean;
}

function trackAnswer(call: ModelCall): TrackedCall {
  let began = false;
  const onAnswer = () => {
    began = true;
    call.onAnswer?.();
  };
  return { ...call, onAnswer, began: () => began };
}

async function withRetries(client: ModelClient, settings: OneModel, call: TrackedCall): Promise<ModelAnswer> {
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
