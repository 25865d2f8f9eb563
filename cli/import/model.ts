import type { Draft } from './draft.ts';

/** A model as another program names it. */
export interface ModelSource {
  readonly agent: string;
  /** Where it stands in the source. */
  readonly source: string;
  /** Such as `anthropic` or `openrouter`, in lower case. */
  readonly provider: string;
  readonly name: string;
  readonly baseURL: string | undefined;
  /** The wire format of a provider that is not known by name. */
  readonly isAnthropic?: boolean;
  /** The variable that holds the key, when the source names one. */
  readonly keyVariable: string | undefined;
  /** The key, when the source holds it. */
  readonly key?: string | undefined;
  /** Values of variables of the source. */
  readonly variables: ReadonlyMap<string, string>;
}

/** `spec.model` of an Agent, or one of its fallbacks, with the Secret that it needs. */
export function toModel(draft: Draft, model: ModelSource): Readonly<Record<string, unknown>> {
  const known = providers[model.provider];
  const provider = model.isAnthropic ? 'anthropic' : (known?.provider ?? 'openai-compatible');
  const baseURL = model.baseURL ?? known?.baseURL ?? (provider === 'openai-compatible' ? unknownURL : undefined);
  if (baseURL === unknownURL) {
    draft.note('to do', model.source, `The address of the provider "${model.provider}" is not known: set baseURL.`);
  }
  if (isThisMachine(hostOf(baseURL ?? ''))) {
    const cure = 'give it one that the cluster has, and allow it by egress.models.allow';
    draft.note('to do', model.source, `The address ${baseURL} is that of one machine, which no pod reaches: ${cure}.`);
  }
  const host = hostOf(baseURL ?? (provider === 'anthropic' ? 'https://api.anthropic.com' : 'https://api.openai.com'));
  const variable =
    model.keyVariable ?? known?.keyVariable ?? `${model.provider.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_API_KEY`;
  const value = model.key ?? model.variables.get(variable);
  const needsKey =
    provider !== 'openai-compatible' ||
    value !== undefined ||
    model.keyVariable !== undefined ||
    known?.isLocal !== true;
  return {
    provider,
    name: nameFor(provider, model.name),
    ...(baseURL === undefined ? {} : { baseURL }),
    ...(needsKey ? { apiKeySecretRef: { name: secretFor(draft, model, host, variable, value) } } : {}),
  };
}

function secretFor(
  draft: Draft,
  model: ModelSource,
  host: string,
  variable: string,
  value: string | undefined,
): string {
  return draft.addSecret({
    name: `${model.agent}-${model.provider.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'model'}`,
    agent: model.agent,
    host,
    keys: [{ key: 'key', from: variable, value }],
  });
}

interface Provider {
  readonly provider: 'openai' | 'anthropic' | 'openai-compatible';
  readonly baseURL?: string;
  readonly keyVariable: string;
  /** It runs on the machine of its user and takes no key. */
  readonly isLocal?: true;
}

const compatible = (baseURL: string, keyVariable: string): Provider => ({
  provider: 'openai-compatible',
  baseURL,
  keyVariable,
});

const gemini = compatible('https://generativelanguage.googleapis.com/v1beta/openai', 'GEMINI_API_KEY');

const providers: Readonly<Record<string, Provider>> = {
  anthropic: { provider: 'anthropic', keyVariable: 'ANTHROPIC_API_KEY' },
  openai: { provider: 'openai', keyVariable: 'OPENAI_API_KEY' },
  openrouter: compatible('https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY'),
  groq: compatible('https://api.groq.com/openai/v1', 'GROQ_API_KEY'),
  mistral: compatible('https://api.mistral.ai/v1', 'MISTRAL_API_KEY'),
  deepseek: compatible('https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY'),
  xai: compatible('https://api.x.ai/v1', 'XAI_API_KEY'),
  google: gemini,
  gemini,
  lmstudio: { ...compatible('http://127.0.0.1:1234/v1', 'LM_API_KEY'), isLocal: true },
  custom: { provider: 'openai-compatible', keyVariable: 'OPENAI_API_KEY', isLocal: true },
};

/** Nobody answers there. */
const unknownURL = 'https://set-base-url.invalid/v1';

/** Aggregators name a model with its maker; the maker's own API does not. */
function nameFor(provider: string, name: string): string {
  return provider === 'openai-compatible' ? name : name.replace(/^(anthropic|openai)\//, '');
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}

function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? '';
}
