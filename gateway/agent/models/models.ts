import { Agent, type Dispatcher } from 'undici';
import { backoffMs } from '../../../core/lib/backoff.ts';
import { TalariaError } from '../../../core/lib/errors.ts';
import { sleep } from '../../../core/lib/sleep.ts';
import type { AgentEntry, ModelSettings } from '../../../core/snapshot/schema.ts';
import { type EgressPolicy, guardedConnector } from '../../egress.ts';
import { createAnthropicModel } from './anthropic.ts';
import { createEchoModel } from './echo.ts';
import { createOpenAiCompatibleModel } from './openai-compatible.ts';
import { type ModelAnswer, type ModelCall, type ModelClient, ModelError, type ModelFailure } from './port.ts';

/** One model of an Agent, its own or a fallback. */
export type OneModel = Omit<ModelSettings, 'fallbacks'>;

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

/** What came of one call of one model; `aborted` when the turn ended first, which says nothing of the model. */
export type CallOutcome = 'ok' | 'aborted' | ModelFailure;

/** One call of one model. */
export interface WatchedCall {
  readonly agent: string;
  readonly settings: OneModel;
  readonly call: ModelCall;
  /** Counts the calls of this model for one step of a turn, from 0. */
  readonly attempt: number;
}

/** Is told of a call before it is made, and by what it gives, how that went. Must not throw. */
export type WatchCall = (call: WatchedCall) => (outcome: CallOutcome, answer?: ModelAnswer) => void;

export interface ModelsOptions {
  readonly egress: EgressPolicy;
  readonly watch?: WatchCall | undefined;
}

/** Models that are reached at the addresses which `egress` permits. */
export function createModels({ egress, watch }: ModelsOptions): Models {
  const dispatcher = new Agent({
    connect: guardedConnector(egress, connectTimeoutMs),
    keepAliveTimeout: 30_000,
    connections: 256,
  });
  const open = createOpener(dispatcher);
  return {
    forAgent: (agent, credentials) => {
      open(agent.name, agent.model, credentials);
      const complete = (settings: OneModel, call: ModelCall, attempt: number) => {
        const client = open(agent.name, settings, credentials);
        if (watch === undefined) return client.complete(call);
        return watched(client, call, watch({ agent: agent.name, settings, call, attempt }));
      };
      return (call) => callInOrder(agent, call, complete);
    },
    stop: () => dispatcher.destroy(),
  };
}

const connectTimeoutMs = 10_000;

type Complete = (settings: OneModel, call: ModelCall, attempt: number) => Promise<ModelAnswer>;

async function watched(client: ModelClient, call: ModelCall, ended: ReturnType<WatchCall>): Promise<ModelAnswer> {
  try {
    const answer = await client.complete(call);
    ended('ok', answer);
    return answer;
  } catch (error) {
    if (call.limit.isOver()) ended('aborted');
    else ended(error instanceof ModelError ? error.failure : 'bad_answer');
    throw error;
  }
}

async function callInOrder(agent: AgentEntry, call: ModelCall, complete: Complete): Promise<ModelAnswer> {
  const tracked = trackAnswer(call);
  const failures: unknown[] = [];
  for (const settings of [agent.model, ...agent.model.fallbacks]) {
    try {
      return await withRetries(complete, settings, tracked);
    } catch (error) {
      failures.push(error);
      if (call.limit.isOver() || tracked.began()) throw error;
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
  const baseURL = addressOf(settings);
  if (baseURL === undefined) throw notReady(agent, 'its model has no address', 'Set model.baseURL');
  if (settings.provider === 'anthropic') {
    if (apiKey === undefined) throw keyMissing(agent);
    return createAnthropicModel({ settings, baseURL, apiKey, dispatcher });
  }
  return createOpenAiCompatibleModel({ settings, baseURL, apiKey, dispatcher });
}

/** Where a model is called; undefined for one without an address, such as `echo`. */
export function addressOf({ provider, baseURL }: OneModel): string | undefined {
  return provider === 'echo' ? undefined : (baseURL ?? providerURLs[provider]);
}

const providerURLs: Readonly<Record<string, string>> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
};

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

async function withRetries(complete: Complete, settings: OneModel, call: TrackedCall): Promise<ModelAnswer> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await complete(settings, call, attempt);
    } catch (error) {
      const again = error instanceof ModelError && error.retryable && !call.began() && attempt < settings.maxRetries;
      if (!again) throw error;
      await sleep(Math.min(error.retryAfterMs ?? backoffMs(attempt, 250, 4_000), 10_000), call.limit.signal);
      call.limit.throwIfOver();
    }
  }
}
