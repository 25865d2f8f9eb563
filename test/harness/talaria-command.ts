import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** How a command ended, and what it printed. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd: string;
  /** Beside PATH; nothing else of this process's environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `talaria` with these arguments to its end, from its source, without a terminal. */
export async function runTalaria(args: readonly string[], { cwd, env = {} }: CommandOptions): Promise<CommandResult> {
  const main = path.join(import.meta.dirname, '../../cli/main.ts');
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}
