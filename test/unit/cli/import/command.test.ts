import { readdir, readFile, rm, stat } from 'node:fs/promises';
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
    expect(stderr).toMatch(/talaria import hermes: EEXIST/);
  });
});
