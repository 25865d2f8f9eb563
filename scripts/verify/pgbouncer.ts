import { chmod, chown, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../cli/dev/free-port.ts';
import { postgresAccount } from '../../cli/dev/postgres-binaries.ts';
import { startTethered, type TetheredProcess } from '../../cli/dev/tethered-process.ts';
import { runProgram } from '../../test/harness/run-program.ts';
import { temporaryFolder } from '../../test/harness/temporary-folder.ts';

/** A PgBouncer of our own on 127.0.0.1, in transaction mode. */
export interface PgBouncer {
  /** Such as `PgBouncer 1.18.0`. */
  readonly version: string;
  /** The URL of the same database through it. */
  readonly url: (direct: string) => string;
  /** Ends it and starts it again: every connection through it breaks. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Connections to the server, for however many clients: so few that transactions of different clients share one. */
export const serverConnections = 4;

/** Starts one in front of the server that `serverUrl` names. Installs the Debian package first where it is missing. */
export async function startPgBouncer(serverUrl: string): Promise<PgBouncer> {
  const program = await findOrInstall();
  const folder = await temporaryFolder('pgbouncer');
  const account = await postgresAccount();
  const port = await freePort();
  const file = path.join(folder, 'pgbouncer.ini');
  await writeFile(file, configuration(new URL(serverUrl), port), { mode: 0o600 });
  if (account !== undefined) {
    await chmod(folder, 0o700);
    await Promise.all([folder, file].map((each) => chown(each, account.uid, account.gid)));
  }
  let bouncer = await start(program, file, account?.name);
  return {
    version: (await runProgram(program, ['--version'])).split('\n')[0] ?? '',
    url: (direct) => {
      const url = new URL(direct);
      url.host = `127.0.0.1:${port}`;
      return url.href;
    },
    restart: async () => {
      await bouncer.stop('SIGKILL', 5_000);
      bouncer = await start(program, file, account?.name);
    },
    stop: async () => {
      await bouncer.stop('SIGTERM', 5_000);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration({ hostname, port, username, password }: URL, listenPort: number): string {
  return [
    '[databases]',
    `* = host=${hostname} port=${port} user=${username} password=${password}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${listenPort}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    `default_pool_size = ${serverConnections}`,
    'max_client_conn = 200',
    'server_login_retry = 1',
    '',
  ].join('\n');
}

async function start(program: string, file: string, account: string | undefined): Promise<TetheredProcess> {
  const bouncer = await startTethered(program, [...(account === undefined ? [] : ['-u', account]), file]);
  const deadline = Date.now() + 10_000;
  while (!bouncer.output().includes('process up')) {
    if (bouncer.exit() !== undefined || Date.now() > deadline) {
      await bouncer.stop('SIGKILL', 5_000);
      throw new Error(`PgBouncer did not start:\n${bouncer.output()}`);
    }
    await delay(20);
  }
  return bouncer;
}

async function findOrInstall(): Promise<string> {
  const found = await find();
  if (found !== undefined) return found;
  const cure = 'Install PgBouncer (Debian: apt-get install pgbouncer) and put it on the PATH.';
  if (process.getuid?.() !== 0) throw new Error(`There is no pgbouncer on the PATH. ${cure}`);
  process.stdout.write('installing pgbouncer with apt-get\n');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await runProgram('apt-get', ['update', '-qq'], { env, timeoutMs: 300_000 });
    const install = ['install', '-qq', '-y', '--no-install-recommends', 'pgbouncer'];
    await runProgram('apt-get', install, { env, timeoutMs: 300_000 });
  } catch (cause) {
    throw new Error(`apt-get could not install pgbouncer. ${cure}`, { cause });
  }
  const installed = await find();
  if (installed === undefined) throw new Error(`apt-get installed no pgbouncer. ${cure}`);
  return installed;
}

/** `/usr/sbin` is not on every account's PATH. */
async function find(): Promise<string | undefined> {
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` };
  return await runProgram('/bin/sh', ['-c', 'command -v pgbouncer'], { env }).then(
    (out) => out.trim(),
    () => undefined,
  );
}
