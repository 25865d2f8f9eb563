import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, watch, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type CoalescingLoop, createCoalescingLoop, done } from '../../core/kube/controller.ts';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import { encodeSnapshot } from '../../core/snapshot/encode.ts';
import type { ConfigSource, Configuration } from '../../gateway/config/source.ts';
import { type Compilation, compile } from '../../operator/translate/compile.ts';
import { emptyContent, type Published } from '../../operator/translate/published.ts';
import { type Report, report } from '../../operator/translate/report.ts';
import { openIdentities } from './identity.ts';
import { type PlacedProblem, readWorkspace } from './workspace.ts';

/** What became of one reading of the folder. */
export type Reading =
  | { readonly type: 'refused'; readonly problems: readonly PlacedProblem[] }
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
  const stopping = new AbortController();
  let watching: Promise<void> = Promise.resolve();
  let loop: CoalescingLoop | undefined;
  return {
    start: async (apply) => {
      const reader = await createReader(options, apply);
      const first = await reader();
      options.onReading(first);
      if (first.type === 'refused') throw new RefusedFolder(options.folder);
      const run = async (signal: AbortSignal) => {
        await sleep(settleMs, signal);
        if (!signal.aborted) options.onReading(await reader());
        return done;
      };
      loop = createCoalescingLoop({ name: 'folder', run, log: options.log });
      loop.start();
      watching = watchFolder(options, loop.trigger, stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([watching, loop?.stop()]);
    },
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
    if (refused.length > 0) return { type: 'refused', problems: refused };
    const compilation = compile(resources, published);
    const { revision } = encodeSnapshot(compilation.content);
    const changed = revision !== applied;
    if (changed) {
      sequence = Math.max(sequence + 1, clock.now());
      credentials = credentialsOf(compilation, credentials);
      await apply({ snapshot: { revision, sequence, content: compilation.content }, credentials });
      published = { ...published, content: compilation.content };
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

async function watchFolder({ folder, log }: DirectorySourceOptions, changed: () => void, signal: AbortSignal) {
  try {
    for await (const _ of watch(folder, { recursive: true, signal })) changed();
  } catch (error) {
    if (!signal.aborted) log.error({ err: error, folder }, 'the folder is no longer watched; start again to see edits');
  }
}

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
