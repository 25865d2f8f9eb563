import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { importCommand } from '../../../../cli/import.ts';
import { validate } from '../../../../cli/validation.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

const home = path.join(import.meta.dirname, '../../../testdata/import/hermes/home');
const secret = 'placeholder-of-telegram';

let folder: string;
let stdout: string;
let stderr: string;
beforeEach(async () => {
  folder = await temporaryFolder('import');
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = 0;
  await rm(folder, { recursive: true });
});

const run = (...args: readonly string[]) => importCommand().parseAsync(['hermes', home, ...args], { from: 'user' });

describe('talaria import', () => {
  it('prints manifests on stdout and the report on stderr, and no secret on either', async () => {
    await run();
    expect(stdout).toContain('kind: Agent');
    expect(stdout).toContain('# To do: add the key token with the value of TELEGRAM_BOT_TOKEN.');
    expect(stderr).toMatch(/^to do: .+\n/);
    expect(stdout + stderr).not.toContain(secret);
  });

  it('writes a file for each kind, which talaria validate accepts', async () => {
    await run('--to', path.join(folder, 'deploy'), '--report', path.join(folder, 'report.json'), '-o', 'json');
    expect(stdout + stderr).toBe('');
    expect(await readdir(path.join(folder, 'deploy'))).toEqual([
      'agents.yaml',
      'cron-jobs.yaml',
      'routes.yaml',
      'secrets.yaml',
    ]);
    const { objects, unreadable } = await validate([path.join(folder, 'deploy')]);
    expect(objects.length).toBeGreaterThan(8);
    expect([unreadable, objects.filter(({ verdict }) => verdict !== 'Accepted')]).toEqual([[], []]);
    expect(JSON.parse(await readFile(path.join(folder, 'report.json'), 'utf8'))).toContainEqual({
      source: 'routes[8]',
      effect: 'left out',
      message: 'Its match is empty, so Hermes never takes it.',
    });
  });

  it('writes the values of Secrets where it is told to, for nobody else to read, and nowhere else', async () => {
    const file = path.join(folder, 'secrets.yaml');
    await run('--with-secrets', file);
    expect(await readFile(file, 'utf8')).toContain(`token: ${secret}`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(stdout).not.toContain('kind: Secret');
    expect(stdout + stderr).not.toContain(secret);
  });

  it('overwrites nothing', async () => {
    await run('--to', folder);
    await run('--to', folder);
    expect(process.exitCode).toBe(1);
    expect(stderr).toMatch(/talaria import hermes: .+: it is there already, and nothing is overwritten/);
  });

  it('refuses a file that is no configuration of Hermes, and makes nothing of it', async () => {
    const file = path.join(folder, 'passwd');
    await writeFile(file, 'root:x:0:0:root:/root:/bin/sh');
    await importCommand().parseAsync(['hermes', file], { from: 'user' });
    expect(stderr).toBe(`talaria import hermes: ${file} is no configuration of Hermes: it holds no mapping.\n`);
    expect(stdout).toBe('');
    expect(process.exitCode).toBe(1);
  });

  it('reports parts of a configuration that are of another shape', async () => {
    const hermes = path.join(folder, 'config.yaml');
    await writeFile(hermes, 'agents: 5\nroutes: none\n');
    await importCommand().parseAsync(['hermes', hermes], { from: 'user' });
    expect(stderr).toContain('left out: agents: It is no mapping, so nothing of it is here.');
    expect(stderr).toContain('left out: routes: It is no list, so nothing of it is here.');
    const openclaw = path.join(folder, 'openclaw.json');
    await writeFile(openclaw, '{"agents": {"list": 5}, "bindings": {}}');
    await importCommand().parseAsync(['openclaw', openclaw], { from: 'user' });
    expect(stderr).toContain('left out: agents.list: It is no list');
    expect(stderr).toContain('left out: bindings: It is no list');
  });
});
