import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** How a process ended: its exit code, or the signal that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child process that cannot outlive this one. */
export interface TetheredProcess {
  readonly pid: number;
  /** Resolves when the process and its watchdog have ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** The exit once there is one. */
  readonly exit: () => Exit | undefined;
  /** The newest 64 KiB of what it wrote to stdout and stderr. */
  readonly output: () => string;
  /** Sends a signal; does nothing once the process has ended. */
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Sends `signal`, then SIGKILL when the process still runs after `budgetMs`; resolves when it has ended. */
  readonly stop: (signal: NodeJS.Signals, budgetMs: number) => Promise<Exit>;
}

export interface TetheredOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Gets every piece of stdout and stderr as it comes. */
  readonly onOutput?: (text: string) => void;
}

/**
 * The watchdog waits on the pipe that this process holds. End of file without a line means that this process died,
 * however it died, and the command is killed.
 */
const watchdogScript = 'read -r _ || kill -KILL "$1"';
const keptOutput = 64 * 1024;

/**
 * Starts a command in a session of its own, so that a Ctrl-C in the terminal reaches only this process, which then
 * stops its children in order. Rejects when there is no such command.
 */
export async function startTethered(
  command: string,
  args: readonly string[],
  options: TetheredOptions = {},
): Promise<TetheredProcess> {
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: options.env,
  });
  const output = collect([child.stdout, child.stderr], options.onOutput);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const watchdog = startWatchdog(pid);
  let ended: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = { code, signal };
    });
    child.once('close', (code, signal) => void watchdog.dismiss().then(() => resolve({ code, signal })));
  });
  const kill = (signal: NodeJS.Signals) => {
    if (ended === undefined) child.kill(signal);
  };
  return {
    pid,
    exited,
    exit: () => ended,
    output,
    kill,
    stop: (signal, budgetMs) => stop(exited, kill, signal, budgetMs),
  };
}

/** `dismiss` is for when the process has ended; it resolves when the watchdog is gone too. */
function startWatchdog(pid: number): { readonly dismiss: () => Promise<void> } {
  const watchdog = spawn('/bin/sh', ['-c', watchdogScript, 'sh', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = new Promise<void>((resolve) => {
    watchdog.once('exit', () => resolve());
    watchdog.once('error', () => resolve());
  });
  watchdog.stdin.on('error', () => undefined);
  return {
    dismiss: () => {
      watchdog.stdin.end('\n');
      return gone;
    },
  };
}

async function stop(
  exited: Promise<Exit>,
  kill: (signal: NodeJS.Signals) => void,
  signal: NodeJS.Signals,
  budgetMs: number,
): Promise<Exit> {
  kill(signal);
  const timer = new AbortController();
  const late = delay(budgetMs, undefined, { signal: timer.signal }).then(
    () => kill('SIGKILL'),
    () => undefined,
  );
  const exit = await exited;
  timer.abort();
  await late;
  return exit;
}

function collect(streams: readonly NodeJS.ReadableStream[], onOutput?: (text: string) => void): () => string {
  let kept = '';
  for (const stream of streams) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      kept = (kept + text).slice(-keptOutput);
      onOutput?.(text);
    });
  }
  return () => kept;
}
