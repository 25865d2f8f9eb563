import { createDraft, type Draft } from '../draft.ts';
import { entriesIn, member, textIn } from '../fields.ts';
import { toProfile } from '../profile.ts';
import { noteShapes } from '../shapes.ts';
import { type Account, accountsOf } from './accounts.ts';
import { addBindings } from './bindings.ts';
import { addJobs } from './jobs.ts';
import { modelOf } from './models.ts';
import { type OpenClawAgent, type OpenClawSource, readOpenClaw } from './read.ts';

/** Makes manifests of OpenClaw's configuration file and what it points to. Throws ImportError when it cannot be read. */
export async function importOpenClaw(file: string, nowMs: number): Promise<Draft> {
  return fromOpenClaw(await readOpenClaw(file), nowMs);
}

/** Makes manifests of what was read of OpenClaw. */
export function fromOpenClaw(openclaw: OpenClawSource, nowMs: number): Draft {
  const draft = createDraft();
  const { config, agents, jobs } = openclaw;
  const names = new Map(agents.map(({ id, source }) => [id, draft.name('Agent', id, source)]));
  const fallback = defaultAgent(draft, openclaw);
  const fallbackName = names.get(fallback.id) ?? fallback.id;
  const accounts = accountsOf(draft, openclaw, names, fallbackName);
  for (const agent of agents) addAgent(draft, openclaw, agent, { names, accounts, isDefault: agent === fallback });
  addBindings(draft, config, names, accounts);
  addJobs(draft, jobs, { names, fallback: fallbackName, accounts, nowMs });
  noteShapes(draft, config, {
    lists: ['agents.list', 'bindings'],
    mappings: ['agents', 'agents.entries', 'channels', 'models'],
  });
  noteRest(draft, config);
  return draft;
}

/** The one that is marked, else the first. */
function defaultAgent(draft: Draft, { config, agents }: OpenClawSource): OpenClawAgent {
  const marked = agents.filter((agent) => member(agent.config, 'default') === true);
  const chosen = marked[0] ?? agents[0];
  if (chosen === undefined) throw new Error('there is always an agent');
  if (marked.length > 1)
    draft.note('changed', 'agents', `Several are default; ${chosen.id}, the first, is it here, as in OpenClaw.`);
  if (textIn(config, 'agents', 'ownership') === 'explicit' && agents.length > 1) {
    draft.note(
      'changed',
      'agents.ownership',
      `What no binding matches goes to ${chosen.id}: take its default: true away to have it refused.`,
    );
  }
  return chosen;
}

interface AgentContext {
  readonly names: ReadonlyMap<string, string>;
  readonly accounts: readonly Account[];
  readonly isDefault: boolean;
}

function addAgent(
  draft: Draft,
  openclaw: OpenClawSource,
  agent: OpenClawAgent,
  { names, accounts, isDefault }: AgentContext,
): void {
  const { id, source, config, workspace } = agent;
  const name = names.get(id) ?? id;
  const displayName =
    textIn(config, 'name') ?? textIn(config, 'identity', 'name') ?? textIn(openclaw.config, 'identity', 'name');
  const own = accounts.filter((account) => account.agent === name).map(({ spec }) => spec);
  draft.add('Agent', name, {
    ...(displayName === undefined ? {} : { displayName: displayName.slice(0, 128) }),
    ...(isDefault ? { default: true } : {}),
    ...toProfile(draft, { source, persona: personaOf(draft, agent), skills: workspace.skills }),
    model: modelOf(draft, openclaw, agent, name),
    ...(own.length === 0 ? {} : { accounts: own }),
    ...sessionsOf(draft, openclaw.config, isDefault),
    ...limitsOf(openclaw.config),
  });
  noteAgent(draft, agent);
}

/** OpenClaw puts these files into every prompt. */
function personaOf(draft: Draft, { source, workspace: { texts } }: OpenClawAgent): string | undefined {
  if (texts.length === 0) {
    draft.note('to do', source, 'No files of its workspace are here: write its instructions.');
    return undefined;
  }
  return texts.map(({ file, text }) => (texts.length === 1 ? text : `# ${file}\n\n${text.trimEnd()}\n`)).join('\n');
}

function sessionsOf(draft: Draft, config: unknown, isFirst: boolean): object {
  const mode = textIn(config, 'session', 'reset', 'mode');
  const minutes = member(config, 'session', 'reset', 'idleMinutes');
  if (mode !== 'idle' && isFirst && member(config, 'session', 'reset') !== undefined) {
    draft.note('left out', 'session.reset', 'Sessions do not begin anew at an hour of the day.');
  }
  if (typeof minutes !== 'number' || minutes < 1) return {};
  return { sessions: { idleResetSeconds: Math.min(Math.round(minutes * 60), 31_536_000) } };
}

function limitsOf(config: unknown): object {
  const seconds = member(config, 'agents', 'defaults', 'timeoutSeconds');
  if (typeof seconds !== 'number' || seconds < 1) return {};
  return { limits: { turnTimeoutSeconds: Math.min(Math.round(seconds), 86_400) } };
}

const agentFields = ['id', 'default', 'name', 'workspace', 'agentDir', 'model', 'identity'];
const defaultFields = ['workspace', 'model', 'models', 'timeoutSeconds'];

function noteAgent(draft: Draft, { source, config }: OpenClawAgent): void {
  const rest = entriesIn(config).filter(([key]) => !agentFields.includes(key));
  if (rest.length > 0)
    draft.note(
      'left out',
      source,
      `${rest.map(([key]) => key).join(', ')}: an Agent has nothing like it, or its tools are named in spec.tools.`,
    );
}

const handled = ['agents', 'agent', 'identity', 'bindings', 'channels', 'cron', 'models', 'env', 'auth', 'session'];

function noteRest(draft: Draft, config: unknown): void {
  const defaults = entriesIn(config, 'agents', 'defaults').filter(([key]) => !defaultFields.includes(key));
  if (defaults.length > 0) draft.note('left out', 'agents.defaults', `${defaults.map(([key]) => key).join(', ')}.`);
  const scope = textIn(config, 'session', 'dmScope') ?? 'main';
  if (scope === 'main')
    draft.note(
      'changed',
      'session.dmScope',
      'Each person has a session of their own; OpenClaw gives all direct messages of an agent one.',
    );
  const others = entriesIn(config).filter(([key]) => !handled.includes(key));
  if (others.length > 0)
    draft.note('left out', 'openclaw.json', `The sections ${others.map(([key]) => key).join(', ')}.`);
  if (
    JSON.stringify(config, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).includes(
      '"$include"',
    )
  ) {
    draft.note('to do', '$include', 'Included files are not read: import the configuration with them put in.');
  }
}
