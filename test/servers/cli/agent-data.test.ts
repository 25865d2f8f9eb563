import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { agentDataCommands } from '../../../cli/agents/data.ts';
import { ask } from '../../harness/gateway.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { setUpStage, startOnStage, state } from '../gateway/stage.ts';

setUpStage();

let folder: string;
let stdout: string;
let stderr: string;
beforeEach(async () => {
  folder = await temporaryFolder('agent-data');
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    stdout += Buffer.from(chunk as Uint8Array).toString();
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    stderr += String(chunk);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command as its group does. Gives its exit code and what it printed. */
async function run(url: string, ...args: readonly string[]) {
  [stdout, stderr, process.exitCode] = ['', '', undefined];
  const group = new Command('agents');
  for (const command of agentDataCommands()) group.addCommand(command);
  await group.parseAsync([...args, '--gateway', url, '--key', 'boss'], { from: 'user' });
  return { code: process.exitCode ?? 0, stdout, stderr };
}

it('what an Agent keeps goes into a file, is purged, and comes back', async () => {
  const served = {
    agents: [{ name: 'coder' }, { name: 'other' }],
    gatewayKeys: [{ name: 'boss', key: 'boss', role: 'admin' as const }],
  };
  const gateway = await startOnStage({ serves: served });
  const headers = { 'x-talaria-session-id': 'work' };
  await ask(gateway.url, { key: 'boss', model: 'talaria/coder', content: 'remember 42', headers });
  await state.rows(
    `insert into files (agent, agent_uid, path, content) values ('coder', 'u', 'workspace/a', convert_to('grüße', 'UTF8'))`,
  );
  const [kept = ''] = (await run(gateway.url, 'data')).stdout.split('\n').slice(1);
  expect(kept.split(/ {2,}/)).toEqual(['coder', '1', '7', '1']);
  expect(JSON.parse((await run(gateway.url, 'data', '--gone', '-o', 'json')).stdout)).toEqual([]);
  const archive = await run(gateway.url, 'export', 'coder');
  expect(archive.stdout).toContain('remember 42');
  const file = path.join(folder, 'coder.jsonl');
  await writeFile(file, archive.stdout);

  expect(await run(gateway.url, 'purge', 'coder', '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('give --while-served'),
  });
  await gateway.serve({ ...served, agents: [{ name: 'other' }] });
  await waitFor('the database to have it that the Agent is gone', async () =>
    (await run(gateway.url, 'data', '--gone')).stdout.includes('coder'),
  );
  expect(await run(gateway.url, 'purge', 'coder')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Give --yes to go on'),
  });
  expect((await run(gateway.url, 'purge', 'coder', '--yes')).stdout).toBe(
    'Agent:              coder\nFiles deleted:      1\nSessions deleted:   1\nRuns deleted:       1\nDeliveries deleted: 0\n',
  );
  expect(await state.rows(`select from files union all select from sessions`)).toEqual([]);

  const imported = await run(gateway.url, 'import', file, '-o', 'json');
  expect(JSON.parse(imported.stdout)).toEqual({ agent: 'coder', files: 1, sessions: 1, items: 2 });
  const withoutHead = (text: string) => text.split('\n').slice(1);
  expect(withoutHead((await run(gateway.url, 'export', 'coder')).stdout)).toEqual(withoutHead(archive.stdout));

  await writeFile(file, archive.stdout.slice(0, archive.stdout.lastIndexOf('\n', archive.stdout.length - 2) + 1));
  expect(await run(gateway.url, 'import', file)).toMatchObject({ code: 1, stderr: expect.stringContaining('was cut') });
});
