import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '../../../crds/problem.ts';
import { parseYaml } from '../../yaml-documents.ts';
import { entriesIn, listIn, textIn } from '../fields.ts';
import { ImportError, parseVariables, readSkills, readTextFile, type Skill } from '../read-files.ts';

/** The home of one or several Hermes agents, as far as it is imported. */
export interface HermesHome {
  readonly folder: string;
  /** The name of the home in notes: `~/.hermes`, or what config.yaml says. */
  readonly title: string;
  readonly found: boolean;
  readonly soul: string | undefined;
  readonly skills: readonly Skill[];
  readonly variables: ReadonlyMap<string, string>;
  /** Records of cron/jobs.json. */
  readonly jobs: readonly unknown[];
  readonly hasMemories: boolean;
}

/** Hermes' configuration and the homes that it names. */
export interface HermesSource {
  readonly config: unknown;
  readonly root: HermesHome;
  /** By the id of the agent; `main` and agents without a home of their own have the root. */
  readonly homes: ReadonlyMap<string, HermesHome>;
}

/** Reads a Hermes home, or its config.yaml with what lies beside it. Throws ImportError when there is none. */
export async function readHermes(place: string): Promise<HermesSource> {
  const info = await stat(place).catch(() => undefined);
  if (info === undefined) throw new ImportError(`There is no ${place}.`);
  const file = info.isDirectory() ? path.join(place, 'config.yaml') : place;
  const text = await readTextFile(file);
  if (text === undefined)
    throw new ImportError(`${place} has no config.yaml: name the home of Hermes, such as ~/.hermes.`);
  const config = parseConfig(file, text);
  const folder = path.dirname(file);
  const root = await readHome(folder, 'the root home');
  const homes = await Promise.all(
    entriesIn(config, 'agents').map(async ([id, agent]) => {
      const named = id === 'main' ? undefined : textIn(agent, 'home_dir');
      return [id, named === undefined ? root : await readHome(resolveHome(named, folder), named)] as const;
    }),
  );
  return { config, root, homes: new Map(homes) };
}

function parseConfig(file: string, text: string): unknown {
  const { documents, faults } = parseYaml(text);
  const [fault] = faults;
  if (fault !== undefined) throw new ImportError(`${file}:${fault.line}: ${fault.message}; ${fault.cure}`);
  const [document] = documents;
  if (document === undefined || document.value === null) return {};
  if (!isRecord(document.value)) throw new ImportError(`${file} is no configuration of Hermes: it holds no mapping.`);
  return document.value;
}

/** `~/.hermes` is the home that is read and `~` the folder above: the import may run on another machine. */
function resolveHome(named: string, root: string): string {
  if (named.startsWith('~/.hermes/')) return path.join(root, named.slice('~/.hermes/'.length));
  if (named === '~' || named.startsWith('~/')) return path.join(path.dirname(path.resolve(root)), named.slice(1));
  return path.resolve(root, named);
}

async function readHome(folder: string, title: string): Promise<HermesHome> {
  const [soul, skills, env, jobs, memory] = await Promise.all([
    readTextFile(path.join(folder, 'SOUL.md')),
    readSkills(path.join(folder, 'skills')),
    readTextFile(path.join(folder, '.env')),
    readTextFile(path.join(folder, 'cron', 'jobs.json')),
    stat(path.join(folder, 'memories')).catch(() => undefined),
  ]);
  return {
    folder,
    title,
    found: (await stat(folder).catch(() => undefined)) !== undefined,
    soul,
    skills,
    variables: parseVariables(env ?? ''),
    jobs: jobs === undefined ? [] : parseJobs(path.join(folder, 'cron', 'jobs.json'), jobs),
    hasMemories: memory !== undefined,
  };
}

/** Hermes wrote a bare list once. */
function parseJobs(file: string, text: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : listIn(parsed, 'jobs');
  } catch (error) {
    throw new ImportError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
