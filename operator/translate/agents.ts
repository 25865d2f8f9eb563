import { sha256 } from '../../core/lib/hash.ts';
import type { AgentEntry, EntryOrigin, ModelSettings } from '../../core/snapshot/schema.ts';
import type { Agent } from '../../crds/agent.ts';
import type { Declared, Rejection, VolumeProblem } from '../resources.ts';
import { absent, type Candidate, type KindRules, type SourceLookups } from './candidate.ts';
import { memoised } from './memo.ts';
import { createResolver, type Resolver } from './resolver.ts';
import { textSources } from './text-sources.ts';

/** One Agent's texts together, in bytes of UTF-8. */
export const maxAgentTextBytes = 256 * 1024;

/**
 * An Agent serves its newest generation, or when that is not accepted, its last accepted one with Secrets and ConfigMaps
 * of now. Whether it serves at all depends on `suspend` of the newest generation, and on the references and the volume of
 * the generation that is taken.
 */
export const agentRules: KindRules<Declared<Agent>, AgentEntry> = {
  choose: memoised((declared: Declared<Agent>, lookups: SourceLookups) => {
    const fresh = freshAgent(declared, lookups);
    const rejection = declared.rejection ?? tooLarge(fresh);
    if (rejection === undefined) return { candidate: fresh, rejection, fresh };
    const kept = keptAgent(declared, lookups, { keepTexts: false });
    const candidate = tooLarge(kept) === undefined ? kept : keptAgent(declared, lookups, { keepTexts: true });
    return { candidate, rejection, fresh };
  }),
  fallback: memoised((declared: Declared<Agent>, lookups: SourceLookups) =>
    keptAgent(declared, lookups, { keepTexts: true }),
  ),
};

function freshAgent(declared: Declared<Agent>, lookups: SourceLookups): Candidate<AgentEntry> {
  const { spec } = declared;
  if (spec === undefined) return absent;
  const { entry, texts, sources } = plainEntry(declared, spec);
  return filled(declared, entry, { owner: entry.name, sources, lookups, textOf: (hash) => texts.get(hash) });
}

function keptAgent(
  declared: Declared<Agent>,
  lookups: SourceLookups,
  { keepTexts }: { readonly keepTexts: boolean },
): Candidate<AgentEntry> {
  const published = lookups.publishedAgent(declared.uid);
  if (published === undefined) return absent;
  const sources = published.origin?.sources ?? {};
  const entry = { ...published, default: published.origin?.default ?? published.default };
  return filled(declared, entry, { owner: entry.name, sources, lookups, textOf: lookups.publishedText, keepTexts });
}

function filled(
  declared: Declared<Agent>,
  plain: AgentEntry,
  options: Omit<Parameters<typeof createResolver>[0], 'namespace'>,
): Candidate<AgentEntry> {
  const resolver = createResolver({ ...options, namespace: declared.namespace });
  const resolved = resolveEntry(plain, resolver);
  const collected = resolver.collected();
  const volume = plain.origin?.volume && options.lookups.volume(plain.name);
  const profile = volume !== undefined && volume.problem === undefined ? { volume: true as const } : undefined;
  const entry = { ...resolved, profile, ...refusal(declared, collected.problems, volume?.problem) };
  return { ...collected, entry };
}

function refusal(
  declared: Declared<Agent>,
  problems: Candidate<AgentEntry>['problems'],
  volumeProblem: VolumeProblem | undefined,
): Pick<AgentEntry, 'refuse' | 'refuseReason'> {
  const problem = problems[0] ?? volumeProblem;
  if (declared.suspend) return { refuse: 'agent_suspended', refuseReason: 'Suspended' };
  if (problem !== undefined) return { refuse: 'agent_not_ready', refuseReason: problem.reason };
  return { refuse: undefined, refuseReason: undefined };
}

function resolveEntry(plain: AgentEntry, resolver: Resolver): AgentEntry {
  const use = (url?: string) => ({ agent: plain.name, host: url === undefined ? undefined : hostOf(url) });
  const model = <M extends Omit<ModelSettings, 'fallbacks'>>(settings: M, place: string, purpose: string): M => ({
    ...settings,
    apiKey: resolver.credential(place, purpose, use(modelURL(settings))),
  });
  return {
    ...plain,
    instructions: plain.instructions === undefined ? undefined : resolver.text('instructions', plain.instructions),
    model: {
      ...model(plain.model, 'model', 'model'),
      fallbacks: plain.model.fallbacks.map((fallback, index) =>
        model(fallback, `model.fallbacks[${index}]`, `fallback-${index}`),
      ),
    },
    skills: plain.skills.map((skill) => ({ ...skill, text: resolver.text(`skills[${skill.name}]`, skill.text) })),
    files: plain.files.map((file) => ({ ...file, text: resolver.text(`profile.files[${file.path}]`, file.text) })),
    tools: {
      ...plain.tools,
      mcpServers: plain.tools.mcpServers.map((server) => ({
        ...server,
        headers: resolver.credentialsByKey(`tools.mcpServers[${server.name}]`, `mcp.${server.name}`, use(server.url)),
      })),
    },
    accounts: plain.accounts.map((account) => ({
      ...account,
      credentials: resolver.credentialsByKey(
        `accounts[${account.name}]`,
        `account.${account.name}`,
        use(accountURL(account.settings)),
      ),
    })),
    keys: plain.keys.map((key) => ({
      ...key,
      credentials: resolver.rotatingKey(`access.apiKeys[${key.name}]`, `key.${key.name}`, use(), sha256),
    })),
  };
}

/** The entry of a spec before any ConfigMap or Secret is read. */
function plainEntry(
  { name, uid, generation }: Declared<Agent>,
  spec: Agent['spec'],
): { entry: AgentEntry; texts: ReadonlyMap<string, string>; sources: EntryOrigin['sources'] } {
  const { hashOf, texts, sources, addSource } = textSources();
  const { fallbacks, apiKeySecretRef, ...settings } = spec.model;
  addSource('model', apiKeySecretRef);
  const entry: AgentEntry = {
    name,
    uid,
    generation,
    default: spec.default,
    displayName: spec.displayName,
    description: spec.description,
    instructions: spec.instructions && hashOf('instructions', spec.instructions),
    model: {
      ...settings,
      fallbacks: fallbacks.map(({ apiKeySecretRef: keyRef, ...fallback }, index) => {
        addSource(`model.fallbacks[${index}]`, keyRef);
        return fallback;
      }),
    },
    skills: byName(spec.skills).map((skill) => ({
      name: skill.name,
      text: hashOf(`skills[${skill.name}]`, skill),
    })),
    tools: {
      builtin: spec.tools.builtin.toSorted(),
      maxSteps: spec.tools.maxSteps,
      mcpServers: byName(spec.tools.mcpServers).map(({ headersSecretRef, ...server }) => {
        addSource(`tools.mcpServers[${server.name}]`, headersSecretRef);
        return { ...server, headers: {} };
      }),
    },
    files: spec.profile.files
      .toSorted((a, b) => (a.path < b.path ? -1 : 1))
      .map((file) => ({ path: file.path, text: hashOf(`profile.files[${file.path}]`, file), policy: file.policy })),
    accounts: byName(spec.accounts).map(({ secretRef, settings: own, ...account }) => {
      addSource(`accounts[${account.name}]`, secretRef);
      return { ...account, credentials: {}, settings: own?.[account.platform as keyof typeof own] ?? {} };
    }),
    keys: byName(spec.access.apiKeys).map(({ secretRef, ...key }) => {
      addSource(`access.apiKeys[${key.name}]`, secretRef);
      return { ...key, credentials: [] };
    }),
    sessions: spec.sessions,
    limits: spec.limits,
    origin: { sources, default: spec.default, volume: spec.profile.volume },
  };
  return { entry, texts, sources };
}

function tooLarge(candidate: Candidate<AgentEntry>): Rejection | undefined {
  const unique = new Map(candidate.texts.map(({ hash, text }) => [hash, text]));
  const bytes = [...unique.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= maxAgentTextBytes) return undefined;
  const message = `the texts of the Agent are together larger than ${maxAgentTextBytes} bytes; shorten them, or spread them over several Agents.`;
  return { reason: 'TextsTooLarge', message };
}

function byName<T extends { readonly name: string }>(list: readonly T[]): readonly T[] {
  return list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const providerURLs: Readonly<Record<string, string>> = {
  openai: 'https://api.openai.com',
  anthropic: 'https://api.anthropic.com',
};

function modelURL(settings: Pick<ModelSettings, 'provider' | 'baseURL'>): string | undefined {
  return settings.baseURL ?? providerURLs[settings.provider];
}

/** The address that the author of an account chose; a platform without such a setting has one host of its own. */
function accountURL(settings: Readonly<Record<string, unknown>>): string | undefined {
  const chosen = settings.apiURL ?? settings.homeserverURL;
  return typeof chosen === 'string' ? chosen : undefined;
}

function hostOf(url: string): string | undefined {
  return URL.parse(url)?.host;
}
