import { createHash } from 'node:crypto';
import path from 'node:path';
import { cacheFolder, fillOnce, holdsAll } from '../../test/harness/binary-cache.ts';
import { ProgramError, runProgram } from '../../test/harness/run-program.ts';

/**
 * A Python interpreter (3.10 or newer) that has these packages of PyPI, each as `name==version`; its path. They are
 * installed once, into a virtual environment in Talaria's cache folder. Start programs with `-m`: the folder was renamed.
 */
export async function pythonWith(packages: readonly string[]): Promise<string> {
  const name = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 16);
  const folder = path.join(cacheFolder(), 'python', name);
  const ready = [path.join('bin', 'python'), 'pyvenv.cfg'];
  if (!(await holdsAll(folder, ready))) {
    process.stdout.write(`installing ${packages.join(', ')} into ${folder}\n`);
    await fillOnce(folder, ready, (temporary) => install(temporary, packages));
  }
  return path.join(folder, 'bin', 'python');
}

async function install(folder: string, packages: readonly string[]): Promise<void> {
  await python('python3', ['-m', 'venv', folder], 'Install Python 3.10 or newer with its venv module.');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
  await python(path.join(folder, 'bin', 'python'), pip, 'PyPI must be reachable.');
}

async function python(interpreter: string, args: readonly string[], cure: string): Promise<void> {
  try {
    await runProgram(interpreter, args, { timeoutMs: 600_000 });
  } catch (cause) {
    const why = cause instanceof ProgramError ? cause.stderr.trim().slice(-2_000) : String(cause);
    throw new Error(`${interpreter} ${args.slice(0, 3).join(' ')} failed. ${cure}\n${why}`, { cause });
  }
}
