import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';

export interface RunOptions {
  /** Text for stdin. */
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Default 60 000. */
  readonly timeoutMs?: number;
}

/** A program that ended with another exit code than 0. */
export class ProgramError extends Error {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: string, code: number | null, stdout: string, stderr: string) {
    super(`${command} ended with ${code ?? 'a signal'}: ${(stderr || stdout).trim()}`);
    this.name = 'ProgramError';
    this.code = code;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** Runs a program to its end and returns its stdout. Rejects with a ProgramError when it fails. */
export async function runProgram(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(file, args, {
    stdio: 'pipe',
    timeout: options.timeoutMs ?? 60_000,
    cwd: options.cwd,
    env: options.env,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new ProgramError(`${path.basename(file)} ${args.join(' ')}`, code, stdout, stderr);
  return stdout;
}
