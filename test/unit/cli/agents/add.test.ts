import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addCommand } from '../../../../cli/agents/add.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

let stderr: string;
beforeEach(() => {
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

const add = (...args: readonly string[]) => addCommand().parseAsync(args, { from: 'user' });

describe('talaria agents add', () => {
  it('writes no second Agent of a name into a folder, whatever file the first stands in', async () => {
    const folder = await temporaryFolder('add');
    const agent = 'apiVersion: talaria.dev/v1alpha1\nkind: Agent\nmetadata: {name: coder}\n';
    await writeFile(path.join(folder, 'agents.yaml'), agent);
    await add('coder', '--model', 'echo/echo', '--to', folder);
    expect(stderr).toContain(`there is an Agent coder in ${folder}/agents.yaml:1. Edit it there`);
    expect(process.exitCode).toBe(1);
    expect(await readdir(folder)).toEqual(['agents.yaml']);
  });

  it.each([
    [['--model', 'echo'], '--model is "echo"; write it as PROVIDER/NAME'],
    [['--model', 'openai/gpt-5', '--api-key-secret', 'a/b/c'], '--api-key-secret is "a/b/c"; write it as SECRET'],
  ])('is wrong usage with %j', async (options, message) => {
    await add('coder', ...options, '--dry-run');
    expect(stderr).toContain(message);
    expect(process.exitCode).toBe(2);
  });

  it('says in words why a file cannot be read', async () => {
    await add('coder', '--model', 'echo/echo', '--instructions', '@/nothing/here', '--dry-run');
    expect(stderr).toContain('/nothing/here cannot be read: there is no such file or folder; check the path');
  });
});
