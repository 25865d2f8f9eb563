import { TalariaError } from '../../core/lib/errors.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import { fixedFiles, seedFiles, type Texts } from './declared.ts';
import type { DirectoryWorkspace } from './directory-workspace.ts';
import { collides, type HomePath, homePath, isInWorkspace, workspaceFolder } from './path.ts';
import { FileRefused } from './refusal.ts';
import type { SeedRecord } from './seeds.ts';
import { type FileInfo, type FileOwner, maxFileBytes, type Workspace } from './workspace.ts';

/** The home of one agent as its tools see it, the same on every replica. Paths are as the model wrote them. */
export interface AgentFiles {
  /** Every file, or those in one folder, by path. */
  readonly list: (folder: string) => Promise<readonly ListedFile[]>;
  readonly read: (path: string) => Promise<Buffer>;
  readonly write: (path: string, content: Buffer) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

export interface ListedFile extends FileInfo {
  readonly isFixed: boolean;
}

/** Gives the home of an agent by the table of the turn. */
export type OpenFiles = (agent: AgentEntry, texts: Texts) => AgentFiles;

export interface FileStores {
  /** Everything that agents write, but for the workspaces on volumes. */
  readonly rows: Workspace;
  readonly seeds: SeedRecord;
  /** The workspaces of agents whose volume is mounted; absent where no volume can be. */
  readonly volumes?: DirectoryWorkspace | undefined;
}

/**
 * Makes OpenFiles. What the spec says (instructions, skills, Sync files) is read from the snapshot and hides what is stored
 * under the same path; Seed files are written when the agent first uses its files. All calls throw FileRefused and
 * TalariaError `state_unavailable`; what the spec says can be read without the database.
 */
export function createOpenFiles(stores: FileStores): OpenFiles {
  return (agent, texts) => openHome({ agent, texts, ...stores });
}

interface Home extends FileStores {
  readonly agent: AgentEntry;
  readonly texts: Texts;
}

function openHome(home: Home): AgentFiles {
  const { agent, texts } = home;
  const owner: FileOwner = { name: agent.name, uid: agent.uid };
  const fixed = fixedFiles(agent, texts);
  const seeds = seedFiles(agent, texts);
  const planted = async (path: HomePath): Promise<Workspace> => {
    await plantSeeds(home, owner, seeds);
    return storeOf(home, path);
  };
  return {
    list: async (text) => {
      const folder = isWholeHome(text) ? undefined : folderPath(text);
      await plantSeeds(home, owner, seeds);
      const stored = (await listStored(home, owner, folder)).filter(({ path }) => !fixed.has(path));
      const declared = [...fixed].filter(([path]) => folder === undefined || path.startsWith(`${folder}/`));
      return [
        ...declared.map(([path, content]) => ({ path, bytes: Buffer.byteLength(content), isFixed: true })),
        ...stored.map((file) => ({ ...file, isFixed: false })),
      ].sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    read: async (text) => {
      const path = homePath(text);
      const declared = fixed.get(path);
      if (declared !== undefined) return Buffer.from(declared);
      const content = await (await planted(path)).read(owner, path);
      if (content === undefined) throw missing(path);
      return content;
    },
    write: async (text, content) => {
      const path = homePath(text);
      demandOwn(path, fixed);
      if (!isInWorkspace(path) && !seeds.has(path)) throw notWritable(path, seeds);
      if (content.length > maxFileBytes) {
        throw new FileRefused(`${path} would have ${content.length} bytes; a file holds at most ${maxFileBytes}`);
      }
      await (await planted(path)).write(owner, path, content);
    },
    remove: async (text) => {
      const path = homePath(text);
      demandOwn(path, fixed);
      if (!(await (await planted(path)).remove(owner, path))) throw missing(path);
    },
  };
}

/** Models write a folder with and without a slash at its end. */
function folderPath(text: string): HomePath {
  return homePath(text.endsWith('/') ? text.slice(0, -1) : text);
}

function isWholeHome(folder: string): boolean {
  return ['', '.', './', '/'].includes(folder);
}

function isOnVolume({ agent }: Home, path: string): boolean {
  return agent.profile?.volume === true && isInWorkspace(path);
}

function storeOf(home: Home, path: string): Workspace {
  return isOnVolume(home, path) ? volumesOf(home) : home.rows;
}

function volumesOf({ volumes }: Home): DirectoryWorkspace {
  if (volumes !== undefined) return volumes;
  throw new TalariaError('state_unavailable', 'this gateway has no volumes; try again shortly');
}

/** With a volume, rows of the workspace from before it are hidden. */
async function listStored(home: Home, owner: FileOwner, folder: HomePath | undefined): Promise<readonly FileInfo[]> {
  if (home.agent.profile?.volume !== true) return await home.rows.list(owner, folder);
  const isInside = folder !== undefined && (folder === workspaceFolder || isInWorkspace(folder));
  const rows = isInside ? [] : await home.rows.list(owner, folder);
  const files = isInside || folder === undefined ? await storeOf(home, `${workspaceFolder}/`).list(owner, folder) : [];
  return [...rows.filter(({ path }) => !isInWorkspace(path)), ...files];
}

/** A seed that has no room or no place any more is left out, so that the agent can still make room. */
async function plantSeeds(home: Home, owner: FileOwner, seeds: ReadonlyMap<string, string>): Promise<void> {
  if (seeds.size === 0) return;
  for (const path of await home.seeds.unseeded(owner, [...seeds.keys()] as HomePath[])) {
    try {
      await plant(home, owner, path, Buffer.from(seeds.get(path) ?? ''));
    } catch (error) {
      if (!(error instanceof FileRefused)) throw error;
    }
  }
}

async function plant(home: Home, owner: FileOwner, path: HomePath, content: Buffer): Promise<void> {
  if (!isOnVolume(home, path)) return await home.seeds.seed(owner, path, content);
  await volumesOf(home).writeNew(owner, path, content);
  await home.seeds.note(owner, path);
}

function demandOwn(path: HomePath, fixed: ReadonlyMap<string, string>): void {
  if (fixed.has(path)) {
    throw new FileRefused(`${path} is read-only, because your configuration says what it holds; write to another file`);
  }
  const other = [...fixed.keys()].find((declared) => collides(declared, path));
  if (other !== undefined) throw new FileRefused(`${path} and ${other} cannot both be there; give another path`);
}

function notWritable(path: HomePath, seeds: ReadonlyMap<string, string>): FileRefused {
  const others = [...seeds.keys()].filter((seed) => !isInWorkspace(seed));
  const also = others.length === 0 ? '' : `, and ${others.join(', ')}`;
  return new FileRefused(`${path} cannot be written; only files in ${workspaceFolder}/ can${also}`);
}

function missing(path: HomePath): FileRefused {
  return new FileRefused(`there is no file ${path}; list_files tells which there are`);
}
