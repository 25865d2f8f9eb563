import type { Draft } from '../draft.ts';
import { entriesIn, member, textIn } from '../fields.ts';
import { toModel } from '../model.ts';
import { toProfile } from '../profile.ts';
import { toAccounts } from './accounts.ts';
import type { HermesHome, HermesSource } from './read.ts';

/** Hermes ids of agents and the names that they have here. */
export type AgentNames = ReadonlyMap<string, string>;

/** Adds an Agent for `main` and for each other one of the configuration. */
export function addAgents(draft: Draft, hermes: HermesSource, ids: readonly string[]): AgentNames {
  const names = new Map(ids.map((id) => [id, draft.name('Agent', id, `agents.${id}`)]));
  const wanted = textIn(hermes.config, 'default_agent') ?? 'main';
  const fallback = names.has(wanted) ? wanted : 'main';
  if (fallback !== wanted) {
    draft.note('changed', 'default_agent', `There is no agent "${wanted}"; what no rule matches goes to main.`);
  }
  for (const [id, name] of names) {
    const home = hermes.homes.get(id) ?? hermes.root;
    draft.add('Agent', name, {
      ...(id === fallback ? { default: true } : {}),
      ...toProfile(draft, { source: `agents.${id}`, persona: home.soul, skills: home.skills }),
      model: modelOf(draft, hermes, id, name, home),
      ...(id === 'main' ? toAccounts(draft, name, hermes.root.variables) : {}),
      ...sessionsOf(draft, hermes.config, id),
    });
    noteRest(draft, hermes, id, home);
  }
  return names;
}

/** Hermes never overrides the model of main. */
function modelOf(draft: Draft, { config, root }: HermesSource, id: string, agent: string, home: HermesHome): object {
  const own = id === 'main' ? undefined : member(config, 'agents', id);
  const source = `agents.${id}`;
  const variables = new Map([...root.variables, ...home.variables]);
  const shared = sharedModel(config);
  const provider = textIn(own, 'provider')?.toLowerCase() ?? shared.provider;
  const isOther = textIn(own, 'provider') !== undefined;
  const baseURL = textIn(own, 'base_url') ?? (isOther ? undefined : shared.baseURL);
  const name = textIn(own, 'model') ?? shared.name;
  if (name === undefined) draft.note('to do', source, 'It has no model: set model.name.');
  if (id === 'main' && textIn(member(config, 'agents', 'main'), 'model') !== undefined) {
    draft.note('changed', 'agents.main.model', 'Hermes ignores it, so main has the model of the section "model".');
  }
  return toModel(draft, {
    agent,
    source,
    provider: provider === 'auto' ? detected(baseURL, variables) : provider,
    name: name ?? 'set-the-model',
    baseURL,
    keyVariable: textIn(own, 'api_key_env'),
    key: own === undefined || !isOther ? textIn(config, 'model', 'api_key') : undefined,
    variables,
  });
}

function sharedModel(config: unknown) {
  return {
    name: textIn(config, 'model') ?? textIn(config, 'model', 'default') ?? textIn(config, 'model', 'model'),
    provider: textIn(config, 'model', 'provider')?.toLowerCase() ?? 'auto',
    baseURL: textIn(config, 'model', 'base_url'),
  };
}

/** What `auto` comes to, by the address and by the keys that are there. */
function detected(baseURL: string | undefined, variables: ReadonlyMap<string, string>): string {
  if (baseURL !== undefined) return baseURL.includes('openrouter.ai') ? 'openrouter' : 'custom';
  if (variables.has('OPENROUTER_API_KEY')) return 'openrouter';
  if (variables.has('ANTHROPIC_API_KEY')) return 'anthropic';
  return variables.has('OPENAI_API_KEY') ? 'openai' : 'openrouter';
}

function sessionsOf(draft: Draft, config: unknown, id: string): object {
  const groups = member(config, 'group_sessions_per_user') === false ? { groupScope: 'Chat' } : {};
  const threads = member(config, 'thread_sessions_per_user') === true ? { threadScope: 'User' } : {};
  const sessions = { ...groups, ...threads, ...idleReset(draft, config, id) };
  return Object.keys(sessions).length === 0 ? {} : { sessions };
}

function idleReset(draft: Draft, config: unknown, id: string): object {
  const mode = textIn(config, 'session_reset', 'mode');
  if ((mode === 'daily' || mode === 'both') && id === 'main') {
    draft.note(
      'left out',
      'session_reset',
      'Sessions do not begin anew at an hour of the day; see sessions.idleResetSeconds.',
    );
  }
  const minutes = member(config, 'session_reset', 'idle_minutes');
  if ((mode !== 'idle' && mode !== 'both') || typeof minutes !== 'number' || minutes < 1) return {};
  return { idleResetSeconds: Math.min(Math.round(minutes * 60), 31_536_000) };
}

const importedFields = ['home_dir', 'model', 'provider', 'base_url', 'api_key_env'];

function noteRest(draft: Draft, { config, root }: HermesSource, id: string, home: HermesHome): void {
  const source = `agents.${id}`;
  const own = member(config, 'agents', id);
  if (!home.found)
    draft.note('to do', source, `Its home ${home.title} is not here, so persona, skills and jobs are missing.`);
  if (home === root && id !== 'main') {
    draft.note(
      'changed',
      source,
      'It shared the home of main. It has the same persona and skills, and memories and sessions of its own.',
    );
  }
  if (home.hasMemories && (home !== root || id === 'main')) {
    draft.note('left out', source, 'What is in memories/ stays in Hermes: add what matters to the instructions.');
  }
  for (const [key] of entriesIn(own).filter(([key]) => !importedFields.includes(key))) {
    const isTools = ['enabled_toolsets', 'disabled_toolsets', 'receptors'].includes(key);
    const message = isTools
      ? 'Tools are named one by one in spec.tools; none is given.'
      : 'An Agent has no such field.';
    draft.note('left out', `${source}.${key}`, message);
  }
}
