import path from 'node:path';
import { startTethered } from '../../cli/dev/tethered-process.ts';
import { runProgram } from './run-program.ts';

/** One `go build` of commands of one module below test/control-plane. */
export interface GoBuild {
  /** Folder below test/control-plane that holds go.mod and go.sum. */
  readonly module: string;
  readonly packages: readonly string[];
  /** `-X` flags, which give the program its version. */
  readonly versionFlags: string;
}

const modules = path.join(import.meta.dirname, '..', 'control-plane');
const neededGo = 26;
const progressMs = 30_000;

/** Builds into `folder`; `say` gets progress lines. Rejects when Go is missing or too old, or with the compiler's words. */
export async function goBuild(build: GoBuild, folder: string, say: (line: string) => void): Promise<void> {
  const cwd = path.join(modules, build.module);
  await requireGo(cwd);
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  const names = build.packages.map((name) => name.slice(name.lastIndexOf('/') + 1).replace(/^\.$/, build.module));
  say(`building ${names.join(', ')} from Go modules; the first time this takes some minutes`);
  const progress = setInterval(() => say(`still building ${names.join(', ')} (${seconds()} s)`), progressMs);
  try {
    const flags = ['-mod=readonly', '-buildvcs=false', '-ldflags', `-s -w ${build.versionFlags}`];
    const env = { ...process.env, GOWORK: 'off', CGO_ENABLED: '0' };
    const compiler = await startTethered('go', ['build', ...flags, '-o', `${folder}/`, ...build.packages], {
      cwd,
      env,
    });
    const exit = await compiler.exited;
    if (exit.code !== 0) throw new Error(`go build of ${names.join(', ')} failed: ${compiler.output().slice(-2_000)}`);
  } finally {
    clearInterval(progress);
  }
  say(`built ${names.join(', ')} in ${seconds()} s`);
}

async function requireGo(cwd: string): Promise<void> {
  const version = await runProgram('go', ['version'], { cwd }).catch((cause: unknown) => {
    throw new Error('there is no Go on the PATH that works', { cause });
  });
  const minor = Number(/go1\.(\d+)/.exec(version)?.[1] ?? 0);
  if (minor < neededGo) throw new Error(`Go 1.${neededGo} or newer is needed, this is ${version.trim()}`);
}
