import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
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

  it('brings the migrations of the database', async () => {
    const source = await readdir(path.join(root, 'gateway', 'db', 'migrations'));
    expect(await readdir(path.join(dist, 'migrations'))).toEqual(source);
  });

  it('fills a compile cache', async () => {
    const cache = path.join(folder, 'cache');
    const env = { PATH: process.env.PATH, NODE_COMPILE_CACHE: cache };
    const { stdout } = await run(process.execPath, [path.join(dist, 'warm-compile-cache.js')], { env });
    expect(stdout).toMatch(/compiled \d+ files/);
  });

  function bundled(name: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
    return run(process.execPath, [path.join(dist, name), ...args], { cwd: folder, env: { PATH: process.env.PATH } });
  }
});
