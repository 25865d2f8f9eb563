import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { waitFor } from './wait-for.ts';

/** A running `talaria dev`. */
export interface DevProcess {
  /** `http://127.0.0.1:<port>`. */
  readonly address: string;
  /** All that it has printed so far, without colours. */
  readonly output: () => string;
  /** Its own process id and those of everything that it started. */
  readonly processes: () => Promise<readonly number[]>;
  /** Sends SIGINT; gives the exit code. */
  readonly interrupt: () => Promise<number | null>;
  /** Ends it whatever it does; does nothing when it has ended. */
  readonly kill: () => Promise<void>;
}

/** Starts `talaria dev` with these arguments; resolves when it serves. Rejects with its output when it ends before. */
export async function startDev(args: readonly string[]): Promise<DevProcess> {
  const main = path.join(import.meta.dirname, '../../cli/main.ts');
  const child = spawn(process.execPath, [main, 'dev', ...args], { env: { ...process.env, NO_COLOR: '1' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const pid = child.pid ?? 0;
  const address = await waitFor(
    'talaria dev to print its address',
    () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output}`);
      return /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
    },
    { timeoutMs: 60_000 },
  ).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`talaria dev did not start:\n${output}`, { cause: error });
  });
  return {
    address,
    output: () => output,
    processes: async () => [pid, ...(await descendants(pid))],
    interrupt: () => {
      child.kill('SIGINT');
      return ended;
    },
    kill: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-e', '-o', 'pid=,ppid=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    rows.filter((row) => row[1] === parent).flatMap((row) => [row[0] ?? 0, ...below(row[0] ?? 0)]);
  return below(pid);
}
