import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** One `go build` of commands of one module below test/control-plane. */
export interface GoBuild {
  /** Folder below test/control-plane that holds go.mod and go.sum. */
  readonly module: string;
  readonly packages: readonly string[];
  /** Value of `-X` flags, which give the program its version. */
  readonly versionFlags: string;
}

const run = promisify(execFile);
const modules = join(import.meta.dirname, '..', 'control-plane');
const neededGo = 26;
const buildBudgetMs = 25 * 60_000;
const progressMs = 30_000;

/** Builds into `folder`; `say` gets progress lines. Rejects when Go is missing or too old, or with the compiler's words. */
export async function goBuild(build: GoBuild, folder: string, say: (line: string) => void): Promise<void> {
  const cwd = join(modules, build.module);
  await requireGo(cwd);
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 1000);
  const names = build.packages.map((path) => path.slice(path.lastIndexOf('/') + 1).replace(/^\.$/, build.module));
  say(`building ${names.join(', ')} from Go modules; the first time this takes some minutes`);
  const progress = setInterval(() => say(`still building ${names.join(', ')} (${seconds()} s)`), progressMs);
  try {
    const flags = ['-mod=readonly', '-buildvcs=false', '-ldflags', `-s -w ${build.versionFlags}`];
    await run('go', ['build', ...flags, '-o', `${folder}/`, ...build.packages], {
      cwd,
      env: { ...process.env, GOWORK: 'off', CGO_ENABLED: '0' },
      timeout: buildBudgetMs,
      maxBuffer: 64 * 1024 * 1024,
    });
  } finally {
    clearInterval(progress);
  }
  say(`built ${names.join(', ')} in ${seconds()} s`);
}

async function requireGo(cwd: string): Promise<void> {
  const { stdout } = await run('go', ['version'], { cwd }).catch((cause: unknown) => {
    throw new Error('there is no Go on the PATH', { cause });
  });
  const minor = Number(/go1\.(\d+)/.exec(stdout)?.[1] ?? 0);
  if (minor < neededGo) throw new Error(`Go 1.${neededGo} or newer is needed, this is ${stdout.trim()}`);
}
