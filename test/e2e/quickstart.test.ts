import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DevProcess, startDev } from '../harness/dev-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const root = path.join(import.meta.dirname, '..', '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const packageJson = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const curls = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((m) => m[1] ?? '').filter((b) => b.includes('curl '));

let folder: string;
let dev: DevProcess;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'talaria-quickstart-'));
  await cp(path.join(root, 'examples/quickstart'), path.join(folder, 'quickstart'), { recursive: true });
  await hurryJobs();
  dev = await startDev([path.join(folder, 'quickstart'), '--port', '0', '--state', path.join(folder, 'state')]);
});
afterAll(async () => {
  await dev?.kill();
  await rm(folder, { recursive: true, force: true });
});

describe('the quick start', () => {
  it('npm start serves the example', () => {
    expect(packageJson.scripts.start).toBe('exec node cli/main.ts dev examples/quickstart');
  });

  it('the README has three requests to try', () => {
    expect(curls).toHaveLength(3);
  });

  it('the first request of the README is answered by the coder, whom a rule names for that chat', async () => {
    const answer = await bash(curls[0] ?? '');
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
    expect(answer).toMatch(/x-talaria-agent: coder\r?\n/i);
    expect(answer).toMatch(/x-talaria-route: engineering\/channel\r?\n/i);
    expect(answer).toContain('Which agent are you?');
  });

  it('the second request reaches the reporter by its name', async () => {
    const answer = JSON.parse(await bash(curls[1] ?? '')) as { model: string; choices: { message: unknown }[] };
    expect(answer.model).toBe('talaria/reporter');
    expect(answer.choices[0]?.message).toMatchObject({ role: 'assistant', content: 'How are things?' });
  });

  it('the third request explains who would answer, why, and what lost', async () => {
    const answer = await bash(curls[2] ?? '');
    expect(JSON.parse(answer)).toMatchObject({ agent: 'coder', route: 'engineering', rule: 'channel' });
    expect(answer).toContain('ada');
  });

  it('start prints a summary of what is served, the address, and requests to try', () => {
    expect(dev.output()).toMatch(/AGENT\s+READY\s+MODEL/);
    expect(dev.output()).toMatch(/concierge\s+True/);
    expect(dev.output()).toContain(dev.address);
    expect(dev.output()).toMatch(/curl .*\/v1\/chat\/completions/);
  });

  it('an edited route is served without a restart', async () => {
    await editRoutes((text) => text.replace('chatId: engineering', 'chatId: design'));
    await waitFor('the chat "design" to reach the coder', async () => (await agentOf('design')) === 'coder');
    expect(await agentOf('engineering')).toBe('concierge');
  });

  it('a file that editors save by renaming is followed again and again, and so are new and deleted files', async () => {
    const route = (chat: string) =>
      `{apiVersion: talaria.dev/v1alpha1, kind: Route, metadata: {name: extra}, spec: {rules: [{name: r, matches: [{chatId: ${chat}}], agentRefs: [{name: reporter}]}]}}`;
    const file = path.join(folder, 'quickstart/teams/extra.yaml');
    await mkdir(path.dirname(file));
    for (const chat of ['one', 'two', 'three']) {
      await writeFile(`${file}~`, route(chat));
      await rename(`${file}~`, file);
      await waitFor(`the chat "${chat}" to reach the reporter`, async () => (await agentOf(chat)) === 'reporter');
    }
    await rm(file);
    await waitFor('the deleted route to be gone', async () => (await agentOf('three')) === 'concierge');
  });

  it('a broken edit is reported with file, line and cure, and the last good revision goes on serving', async () => {
    const before = dev.output().length;
    await editRoutes((text) => text.replace('chatId: design', 'chatID: broken'));
    await waitFor('the report', () => dev.output().slice(before).includes('chatID'));
    const report = dev.output().slice(before);
    expect(report).toMatch(/routes\.yaml:11/);
    expect(report).toContain('chatId');
    expect(await agentOf('design')).toBe('coder');
    await editRoutes((text) => text.replace('chatID: broken', 'chatId: engineering'));
    await waitFor('the mended file to be served', async () => (await agentOf('engineering')) === 'coder');
  });

  it('the job runs as its agent, and its result is printed', async () => {
    await waitFor('the heartbeat', () => dev.output().includes('Everything is quiet.'));
    expect(dev.output()).toMatch(/agent=reporter/);
  });

  it('a request with a foreign Origin or Host is refused', async () => {
    const foreign = await fetch(`${dev.address}/v1/models`, { headers: { origin: 'https://example.com' } });
    expect(foreign.status).toBe(403);
    expect(await foreign.json()).toMatchObject({ error: { code: 'origin_refused' } });
    const rebound = await bash(
      `curl -s -o /dev/null -w '%{http_code}' -H 'Host: example.com' ${dev.address}/v1/models`,
    );
    expect(rebound).toBe('403');
  });

  it('stops cleanly on SIGINT and leaves no process', async () => {
    const processes = await dev.processes();
    expect(processes.length).toBeGreaterThan(1);
    expect(await dev.interrupt()).toBe(0);
    await waitFor('every process to be gone', () => processes.every((pid) => !isAlive(pid)));
  });
});

/** The example's job, every second instead of every half minute. */
async function hurryJobs(): Promise<void> {
  const file = path.join(folder, 'quickstart/cron-jobs.yaml');
  const text = await readFile(file, 'utf8');
  expect(text).toContain('@every 30s');
  await writeFile(file, text.replace('@every 30s', '@every 1s'));
}

async function editRoutes(edit: (text: string) => string): Promise<void> {
  const file = path.join(folder, 'quickstart/routes.yaml');
  const text = await readFile(file, 'utf8');
  expect(edit(text)).not.toBe(text);
  await writeFile(file, edit(text));
}

async function agentOf(chatId: string): Promise<string | null> {
  const response = await fetch(`${dev.address}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-talaria-chat-id': chatId },
    body: JSON.stringify({ model: 'talaria', messages: [{ role: 'user', content: 'hello' }] }),
  });
  await response.text();
  return response.headers.get('x-talaria-agent');
}

async function bash(script: string): Promise<string> {
  const onThisPort = script.replaceAll('http://127.0.0.1:8642', dev.address);
  return (await promisify(execFile)('bash', ['-c', onThisPort], { timeout: 20_000 })).stdout;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
