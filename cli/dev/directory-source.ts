import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { type CoalescingLoop, createCoalescingLoop, done } from '../../core/kube/controller.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import { encodeSnapshot } from '../../core/snapshot/encode.ts';
import type { ConfigSource, Configuration } from '../../gateway/config/source.ts';
import type { Compilation } from '../../operator/translate/compilation.ts';
import { compile } from '../../operator/translate/compile.ts';
import { emptyContent, type Published } from '../../operator/translate/published.ts';
import { type Report, report } from '../../operator/translate/report.ts';
import { openIdentities } from './identity.ts';
import { type PlacedProblem, readWorkspace } from './workspace.ts';

/** What became of one reading of the folder. */
export type Reading =
  /** `servesOn`: an earlier reading is in force. */
  | { readonly type: 'refused'; readonly problems: readonly PlacedProblem[]; readonly servesOn: boolean }
  | { readonly type: 'applied'; readonly report: Report; readonly revision: string; readonly changed: boolean };

export interface DirectorySourceOptions {
  readonly folder: string;
  /** Identities and what is published are kept here over restarts. */
  readonly stateFolder: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after each reading of the folder, also when nothing changed. */
  readonly onReading: (reading: Reading) => void;
}

/**
 * A folder of manifests in the place of the API server: what the operator does to a namespace is done in this process,
 * once at the start and at each change below the folder. What an API server would refuse leaves the last good revision
 * in force. `start` rejects with a RefusedFolder when the first reading is refused.
 */
export function createDirectorySource(options: DirectorySourceOptions): ConfigSource {
  let watcher: FSWatcher | undefined;
  let loop: CoalescingLoop | undefined;
  const stop = async () => {
    await watcher?.close();
    await loop?.stop();
  };
  return {
    start: async (apply) => {
      const reader = await createReader(options, apply);
      const run = async (signal: AbortSignal) => {
        await sleep(settleMs, signal);
        if (!signal.aborted) options.onReading(await reader());
        return done;
      };
      loop = createCoalescingLoop({ name: 'folder', run, log: options.log });
      watcher = await watchFolder(options, loop.trigger);
      const first = await reader();
      options.onReading(first);
      if (first.type === 'applied') return loop.start();
      await stop();
      throw new RefusedFolder(options.folder);
    },
    stop,
  };
}

/** The first reading of a folder was refused, so there is nothing to serve. The problems were reported before. */
export class RefusedFolder extends Error {
  constructor(folder: string) {
    super(`${folder} has manifests that an API server would refuse; mend them and start again`);
    this.name = 'RefusedFolder';
  }
}

/** An editor writes a file in several steps; a reading waits this long for them. */
const settleMs = 30;

async function createReader(
  { folder, stateFolder, clock }: DirectorySourceOptions,
  apply: (configuration: Configuration) => Promise<void>,
): Promise<() => Promise<Reading>> {
  const identities = await openIdentities(stateFolder);
  const kept = await readKept(stateFolder);
  let published: Published = kept ?? { content: emptyContent, versionKey: randomBytes(32).toString('hex') };
  let sequence = kept?.sequence ?? 0;
  let applied = '';
  let credentials: ReadonlyMap<string, string> = new Map();

  return async () => {
    const { resources, refused } = await readWorkspace([folder], identities);
    if (refused.length > 0) return { type: 'refused', problems: refused, servesOn: applied !== '' };
    const compilation = compile(resources, published);
    const { revision } = encodeSnapshot(compilation.content);
    const changed = revision !== applied;
    if (changed) {
      sequence = Math.max(sequence + 1, clock.now());
      credentials = credentialsOf(compilation, credentials);
      const { content } = compilation;
      await apply({ snapshot: { revision, sequence, content, routeParts: [content.routes] }, credentials });
      published = { ...published, content };
      applied = revision;
      await writeKept(stateFolder, { ...published, sequence });
    }
    await identities.save();
    return { type: 'applied', report: report(compilation), revision, changed };
  };
}

/** A credential without a value keeps the one that its name had. */
function credentialsOf(compilation: Compilation, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const values = compilation.credentials.map(({ name, value }) => [name, value ?? before.get(name)] as const);
  return new Map(values.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

/** Hears of files however they are saved: in place, by a rename over the old one, or made anew. */
async function watchFolder({ folder, log }: DirectorySourceOptions, changed: () => void): Promise<FSWatcher> {
  const watcher = watch(folder, { ignoreInitial: true });
  watcher.on('all', changed);
  watcher.on('error', (error) => {
    log.error({ err: error, folder }, 'the folder is not watched completely; start again to see every edit');
  });
  await once(watcher, 'ready', { signal: AbortSignal.timeout(readyBudgetMs) });
  return watcher;
}

/** A folder is walked once before its changes are heard of. */
const readyBudgetMs = 10_000;

interface Kept extends Published {
  readonly sequence: number;
}

async function readKept(stateFolder: string): Promise<Kept | undefined> {
  try {
    return JSON.parse(await readFile(path.join(stateFolder, keptName), 'utf8')) as Kept;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`${path.join(stateFolder, keptName)} cannot be read; remove it to start anew`, { cause: error });
  }
}

/** Only for its owner: `versionKey` is the one secret in it. */
async function writeKept(stateFolder: string, kept: Kept): Promise<void> {
  await mkdir(stateFolder, { recursive: true });
  const file = path.join(stateFolder, keptName);
  await writeFile(`${file}.new`, JSON.stringify(kept), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

const keptName = 'published.json';
