import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = path.join(import.meta.dirname, '..', '..', '..');

describe('the bundle for the image', () => {
  let folder: string;
  let dist: string;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'talaria-bundle-'));
    dist = path.join(folder, 'dist');
    await run(process.execPath, [path.join(root, 'scripts', 'bundle.ts'), dist]);
    await cp(path.join(root, 'examples'), path.join(folder, 'examples'), { recursive: true });
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true }));

  it('has the command line, which works without node_modules', async () => {
    const { stdout } = await bundled('cli.js', 'validate', 'examples/quickstart');
    expect(stdout).toMatch(/^\d+ accepted, 0 not accepted, 0 refused$/m);
  });

  it.each(['operator.js', 'gateway.js'])('has %s, which names what its environment lacks', async (name) => {
    await expect(bundled(name)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('TALARIA_NAMESPACE'),
    });
  });

  it('keeps the package for anthropic models in a file of its own, which the gateway loads when it needs it', async () => {
    const names = (await readdir(dist)).filter((name) => name.endsWith('.js'));
    const files = new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(path.join(dist, name), 'utf8')] as const)),
    );
    const holders = names.filter((name) => files.get(name)?.includes('anthropic-version'));
    expect(holders).toHaveLength(1);
    const [holder = ''] = holders;
    expect(reachable('gateway.js', files, /(?:from|import)\s*"\.\/([^"]+)"/g)).not.toContain(holder);
    expect(reachable('gateway.js', files, /(?:from|import)\s*\(?"\.\/([^"]+)"/g)).toContain(holder);
    const script = `import('./dist/${holder}').then(({ createAnthropic }) => console.log(createAnthropic({ apiKey: 'k' })('m').modelId))`;
    expect((await run(process.execPath, ['-e', script], { cwd: folder })).stdout).toBe('m\n');
  });

  it('brings the migrations of the database', async () => {
    const source = await readdir(path.join(root, 'gateway', 'db', 'migrations'));
    expect(await readdir(path.join(dist, 'migrations'))).toEqual(source);
  });

  it('fills a compile cache, which serves each program under the options that it is run with', async () => {
    const cache = path.join(folder, 'cache');
    const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: cache };
    const { stdout } = await run(process.execPath, [path.join(dist, 'warm-compile-cache.js')], { env });
    expect(stdout).toMatch(/compiled \d+ files/);
    for (const args of [[...(await operatorOptions()), 'dist/operator.js'], ['dist/gateway.js'], ['dist/cli.js']]) {
      const debug = { ...env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
      const told = await run(process.execPath, [...args, '--help'], { cwd: folder, env: debug }).catch(
        (failed: { readonly stdout: string; readonly stderr: string }) => failed,
      );
      const log = told.stdout + told.stderr;
      expect(log.match(/cache for .* was accepted/g)?.length, args.join(' ')).toBeGreaterThan(3);
      expect(log, args.join(' ')).not.toMatch(/cache for .* was rejected/);
    }
  });

  function bundled(name: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
    return run(process.execPath, [path.join(dist, name), ...args], { cwd: folder, env: { PATH: process.env.PATH } });
  }
});

/** What the chart gives Node before the program. */
async function operatorOptions(): Promise<readonly string[]> {
  const template = await readFile(path.join(root, 'charts/talaria/templates/operator-deployment.yaml'), 'utf8');
  const args = /args: \[(.*), dist\/operator\.js\]/.exec(template)?.[1];
  if (args === undefined) throw new Error('the chart does not say how the operator is run');
  return args.split(', ');
}

/** The files that one leads to by imports of this form, itself included. */
function reachable(from: string, files: ReadonlyMap<string, string>, form: RegExp): ReadonlySet<string> {
  const found = new Set([from]);
  for (const name of found) {
    for (const [, target = ''] of files.get(name)?.matchAll(form) ?? []) found.add(target);
  }
  return found;
}
