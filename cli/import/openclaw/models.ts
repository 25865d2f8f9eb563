import type { Draft } from '../draft.ts';
import { entriesIn, listIn, member, textIn } from '../fields.ts';
import { toModel } from '../model.ts';
import type { OpenClawAgent, OpenClawSource } from './read.ts';
import { secretValue } from './secret-value.ts';

const maxFallbacks = 4;

/** `spec.model` of an Agent: its own choice, else that of all. */
export function modelOf(
  draft: Draft,
  openclaw: OpenClawSource,
  { source, config }: OpenClawAgent,
  agent: string,
): object {
  const chosen =
    member(config, 'model') ??
    member(openclaw.config, 'agents', 'defaults', 'model') ??
    member(openclaw.config, 'agent', 'model');
  const primary = typeof chosen === 'string' ? chosen : textIn(chosen, 'primary');
  const fallbacks = listIn(chosen, 'fallbacks').filter((name) => typeof name === 'string');
  if (fallbacks.length > maxFallbacks)
    draft.note('left out', source, `Fallbacks after the fourth: ${fallbacks.slice(maxFallbacks).join(', ')}.`);
  if (primary === undefined) draft.note('to do', source, 'It has no model: set model.name.');
  const one = (written: string) => oneModel(draft, openclaw, agent, source, written);
  const others = fallbacks.slice(0, maxFallbacks).map(one);
  return { ...one(primary ?? 'unknown/set-the-model'), ...(others.length === 0 ? {} : { fallbacks: others }) };
}

function oneModel(
  draft: Draft,
  { config, variables }: OpenClawSource,
  agent: string,
  source: string,
  written: string,
): object {
  const full = aliases(config).get(written) ?? written;
  // A model without a provider is one of Anthropic's.
  const [, provider = 'anthropic', name = full] = /^([^/]+)\/(.+)$/.exec(full) ?? [];
  const custom = member(config, 'models', 'providers', provider);
  const api = textIn(custom, 'api') ?? '';
  const isAnthropic = api === 'anthropic-messages';
  const baseURL = textIn(custom, 'baseUrl')?.replace(/\/+$/, '');
  const key = secretValue(member(custom, 'apiKey'), `models.providers.${provider}.apiKey`, variables);
  noteProvider(draft, config, provider, api);
  return toModel(draft, {
    agent,
    source,
    provider: provider.toLowerCase(),
    name,
    baseURL: isAnthropic && baseURL !== undefined && !baseURL.endsWith('/v1') ? `${baseURL}/v1` : baseURL,
    isAnthropic,
    keyVariable: key?.from,
    key: key?.value,
    variables,
  });
}

function aliases(config: unknown): ReadonlyMap<string, string> {
  const models = entriesIn(config, 'agents', 'defaults', 'models');
  return new Map(models.flatMap(([name, model]) => [[textIn(model, 'alias') ?? name, name] as const]));
}

function noteProvider(draft: Draft, config: unknown, provider: string, api: string): void {
  const source = `models.providers.${provider}`;
  const note = (effect: 'changed' | 'to do', message: string) => {
    if (!draft.differences.some((known) => known.source === source && known.message === message))
      draft.note(effect, source, message);
  };
  if (api === 'openai-responses') note('changed', 'It is asked by chat completions and not by the Responses API.');
  if (api !== '' && !['openai-completions', 'openai-responses', 'anthropic-messages'].includes(api)) {
    note('to do', `Its wire format "${api}" is none of OpenAI's or Anthropic's: choose another provider.`);
  }
  const profiles = entriesIn(config, 'auth', 'profiles').filter(
    ([, profile]) => textIn(profile, 'provider') === provider,
  );
  if (profiles.length > 0 && profiles.every(([, profile]) => textIn(profile, 'mode') === 'oauth')) {
    note('to do', 'OpenClaw signs in to it by OAuth; Talaria needs an API key.');
  }
}
