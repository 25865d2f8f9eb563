import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { startTethered, type TetheredProcess } from '../../../cli/dev/tethered-process.ts';
import { bundleOptions } from '../../../scripts/bundle-options.ts';
import { waitFor } from '../../harness/wait-for.ts';
import type { ReplicaProcess } from './replica-process.ts';
import { performanceMs } from './turn-log.ts';

/** A replica that is killed and comes back under its name. */
export interface StormReplica {
  readonly name: string;
  /** True while its present process takes runs and looks for due jobs. */
  readonly isUp: () => boolean;
  /** How far its wall clock is ahead of this process's, in milliseconds. */
  readonly aheadMs: () => number;
  /** `kill -9`; a new process is on its way when this resolves. */
  readonly kill: () => Promise<void>;
  /** SIGTERM, and no new process. */
  readonly stop: () => Promise<void>;
  /** When it was up, in Unix milliseconds; the last one may be open. */
  readonly ups: readonly Stretch[];
  /** Process id -> when it was killed, in milliseconds of the monotonic clock. */
  readonly kills: ReadonlyMap<number, number>;
}

export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export interface StormReplicaOptions {
  readonly process: ReplicaProcess;
  readonly program: ReplicaProgram;
  /** What moves its wall clock: environment variables, or arguments of node. */
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArguments?: readonly string[];
}

/** A replica's program as the image would have it: bundled, with its compiled code kept, so that a new process starts sooner. */
export interface ReplicaProgram {
  readonly file: string;
  readonly compileCache: string;
}

const readyBudgetMs = 120_000;

/** Bundles the program of a replica into `folder`, which must last as long as the replicas. */
export async function bundleReplica(folder: string): Promise<ReplicaProgram> {
  const outdir = path.join(folder, 'program');
  await build({ ...bundleOptions, entryPoints: [path.join(import.meta.dirname, 'replica-process.ts')], outdir });
  await writeFile(path.join(outdir, 'package.json'), '{"type": "module"}');
  return { file: path.join(outdir, 'replica-process.js'), compileCache: path.join(folder, 'compiled') };
}

/** Starts one; resolves when it works. */
export async function startStormReplica(options: StormReplicaOptions): Promise<StormReplica> {
  const { name } = options.process;
  const ups: Stretch[] = [];
  const kills = new Map<number, number>();
  let running: TetheredProcess | undefined;
  let upSince: number | undefined;
  let aheadMs = 0;
  let starting: Promise<void> = Promise.resolve();

  const start = async () => {
    const { file, compileCache } = options.program;
    const args = [...(options.nodeArguments ?? []), file, JSON.stringify(options.process)];
    const started = await startTethered(process.execPath, args, {
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache, ...options.env },
      onOutput: (text) => {
        const clock = /ready (\d+)/.exec(text)?.[1];
        if (running !== started || clock === undefined) return;
        upSince = Date.now();
        aheadMs = Number(clock) - upSince;
      },
    });
    running = started;
  };
  const down = () => {
    if (upSince !== undefined) ups.push({ from: upSince, to: Date.now() });
    upSince = undefined;
  };
  const end = async (signal: NodeJS.Signals) => {
    await starting;
    down();
    const ended = running;
    running = undefined;
    await ended?.stop(signal, 10_000);
    if (ended !== undefined) kills.set(ended.pid, performanceMs());
  };
  starting = start();
  await starting;
  await waitFor(`replica ${name} to take work`, () => upSince !== undefined, { timeoutMs: readyBudgetMs }).catch(
    async (cause: unknown) => {
      const output = running?.output();
      await end('SIGKILL');
      throw new Error(`replica ${name} did not start:\n${output}`, { cause });
    },
  );
  return {
    name,
    isUp: () => upSince !== undefined,
    aheadMs: () => aheadMs,
    kill: async () => {
      await end('SIGKILL');
      starting = start();
      await starting;
    },
    stop: () => end('SIGTERM'),
    get ups() {
      return upSince === undefined ? ups : [...ups, { from: upSince, to: Date.now() }];
    },
    kills,
  };
}

/** The stretches between `from` and `to` in which no replica was up, in order. */
export function outagesOf(replicas: readonly StormReplica[], from: number, to: number): Stretch[] {
  const ups = replicas.flatMap((replica) => replica.ups).toSorted((a, b) => a.from - b.from);
  const outages: Stretch[] = [];
  let covered = from;
  for (const up of ups) {
    if (up.from > covered && covered < to) outages.push({ from: covered, to: Math.min(up.from, to) });
    covered = Math.max(covered, up.to);
  }
  if (covered < to) outages.push({ from: covered, to });
  return outages;
}
