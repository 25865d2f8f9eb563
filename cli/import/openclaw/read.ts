import path from 'node:path';
import { isRecord } from '../../../crds/problem.ts';
import { entriesIn, listIn, member, textIn } from '../fields.ts';
import { ImportError, parseVariables, readSkills, readTextFile, type Skill } from '../read-files.ts';
import { parseJson5 } from './json5.ts';

/** What an agent's workspace holds of what is imported. */
export interface Workspace {
  /** Files that OpenClaw puts into every prompt, in the order of their names here. */
  readonly texts: readonly { readonly file: string; readonly text: string }[];
  readonly skills: readonly Skill[];
}

export interface OpenClawAgent {
  /** `agents.list[0]` or `agents.entries.ID`. */
  readonly source: string;
  readonly id: string;
  readonly config: unknown;
  readonly workspace: Workspace;
}

/** OpenClaw's configuration with what it points to. */
export interface OpenClawSource {
  readonly config: unknown;
  readonly agents: readonly OpenClawAgent[];
  readonly jobs: readonly unknown[];
  readonly variables: ReadonlyMap<string, string>;
}

/** Reads openclaw.json, the workspaces that it names, its `.env` and its cron jobs. Throws ImportError. */
export async function readOpenClaw(file: string): Promise<OpenClawSource> {
  const text = await readTextFile(file);
  if (text === undefined)
    throw new ImportError(
      `There is no file ${file}: name OpenClaw's configuration, such as ~/.openclaw/openclaw.json.`,
    );
  const folder = path.dirname(path.resolve(file));
  const config = parse(file, text);
  if (!isRecord(config)) throw new ImportError(`${file} is no configuration of OpenClaw: it holds no object.`);
  const agents = await Promise.all(
    agentsIn(config).map(async (agent) => ({
      ...agent,
      workspace: await readWorkspace(workspaceOf(agent, config, folder)),
    })),
  );
  const store = textIn(config, 'cron', 'store');
  const jobsFile = store === undefined ? path.join(folder, 'cron', 'jobs.json') : resolvePlace(store, folder);
  const [jobs, env] = await Promise.all([readTextFile(jobsFile), readTextFile(path.join(folder, '.env'))]);
  const stored = jobs === undefined ? [] : parse(jobsFile, jobs);
  return {
    config,
    agents,
    jobs: Array.isArray(stored) ? stored : listIn(stored, 'jobs'),
    variables: new Map([...parseVariables(env ?? ''), ...textsIn(config, 'env'), ...textsIn(config, 'env', 'vars')]),
  };
}

function parse(file: string, text: string): unknown {
  try {
    return parseJson5(text);
  } catch (error) {
    if (error instanceof ImportError) throw new ImportError(`${file}: ${error.message}`);
    throw error;
  }
}

/** Without any, OpenClaw has the one agent `main`. */
function agentsIn(config: unknown): readonly Omit<OpenClawAgent, 'workspace'>[] {
  const listed = listIn(config, 'agents', 'list').map((agent, at) => ({
    source: `agents.list[${at}]`,
    id: textIn(agent, 'id') ?? '',
    config: agent,
  }));
  const entries = entriesIn(config, 'agents', 'entries').map(([id, agent]) => ({
    source: `agents.entries.${id}`,
    id,
    config: agent,
  }));
  const all = [...listed, ...entries].filter(({ id }) => id !== '');
  return all.length > 0 ? all : [{ source: 'agents', id: 'main', config: member(config, 'agent') ?? {} }];
}

function workspaceOf(
  { id, config: agent }: Omit<OpenClawAgent, 'workspace'>,
  config: unknown,
  folder: string,
): string | undefined {
  const own = textIn(agent, 'workspace');
  if (own !== undefined) return resolvePlace(own, folder);
  if (id !== 'main') return undefined;
  return resolvePlace(textIn(config, 'agents', 'defaults', 'workspace') ?? '~/.openclaw/workspace', folder);
}

/** `~/.openclaw` is the folder of the configuration and `~` the one above: the import may run on another machine. */
function resolvePlace(place: string, folder: string): string {
  if (place.startsWith('~/.openclaw/')) return path.join(folder, place.slice('~/.openclaw/'.length));
  if (place.startsWith('~/')) return path.join(path.dirname(folder), place.slice(2));
  return path.resolve(folder, place);
}

const promptFiles = ['AGENTS.md', 'SOUL.md', 'IDENTITY.md', 'USER.md', 'TOOLS.md'];

async function readWorkspace(folder: string | undefined): Promise<Workspace> {
  if (folder === undefined) return { texts: [], skills: [] };
  const texts = await Promise.all(
    promptFiles.map(async (file) => ({ file, text: (await readTextFile(path.join(folder, file))) ?? '' })),
  );
  return {
    texts: texts.filter(({ text }) => text.trim() !== ''),
    skills: await readSkills(path.join(folder, 'skills')),
  };
}

function textsIn(config: unknown, ...place: readonly string[]): readonly (readonly [string, string])[] {
  return entriesIn(config, ...place).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] as const] : [],
  );
}
