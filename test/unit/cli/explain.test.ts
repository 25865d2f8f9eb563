import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');
const quickstart = path.join(root, 'examples/quickstart');

describe('talaria explain', () => {
  it('names the agent, the rule that gives it the message, and what lost', async () => {
    const { code, stdout } = await explain(quickstart, '--chat-id', 'engineering', '--user-id', 'ada');
    expect(code).toBe(0);
    expect(stdout).toContain('Agent "coder" would answer');
    expect(stdout).toMatch(/engineering\/channel\s+won/);
    expect(stdout).toMatch(/engineering\/ada\s+lost/);
  });

  it('gives the same as JSON, in the shape of the admin API', async () => {
    const { code, stdout } = await explain(quickstart, '--chat-id', 'report-7', '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ outcome: 'resolved', agent: 'reporter', via: 'rule', route: 'reports', rule: 'report-chats', omitted: 0 },
    });
    const fields = ['agent', 'candidates', 'omitted', 'outcome', 'reason', 'route', 'rule', 'via'];
    expect(Object.keys(JSON.parse(stdout)).sort()).toEqual(fields);
    const refused = await explain(quickstart, '--model', 'talaria/nobody', '-o', 'json');
    expect(JSON.parse(refused.stdout)).toMatchObject({ outcome: 'refused', code: 'model_not_found' });
  });

  it('says so when there is no Agent at all', async () => {
    const { code, stderr } = await explain(folder, '--chat-id', 'c1');
    expect(code).toBe(1);
    expect(stderr).toContain(`No Agent was found in ${folder}.`);
  });

  it('exits 1 and says the code and the cure when the message would be refused', async () => {
    const { code, stdout } = await explain(quickstart, '--model', 'talaria/nobody');
    expect(code).toBe(1);
    expect(stdout).toContain('Refused with model_not_found');
    expect(stdout).toContain('/v1/models');
  });

  it('a missing agent of a matching rule is refused, although there is a default', async () => {
    await writeFile(path.join(folder, 'route.yaml'), routeTo('ghost'));
    await writeFile(path.join(folder, 'agent.yaml'), defaultAgent);
    const { code, stdout } = await explain(folder, '--chat-id', 'c1');
    expect(code).toBe(1);
    expect(stdout).toContain('Refused with agent_not_found');
  });

  it('exits 1 with file and line when a manifest would be refused', async () => {
    await writeFile(path.join(folder, 'route.yaml'), routeTo('ghost').replace('chatId', 'chatID'));
    const { code, stderr } = await explain(folder, '--chat-id', 'c1');
    expect(code).toBe(1);
    expect(stderr).toMatch(/route\.yaml:8: Route\/r: .*chatID/);
    expect(stderr).toContain('chatId');
  });

  it('a Route that is not accepted is named on stderr, and the exit code tells', async () => {
    await writeFile(
      path.join(folder, 'route.yaml'),
      routeTo('main').replace('chatId: c1', 'expression: chatID == "c1"'),
    );
    await writeFile(path.join(folder, 'agent.yaml'), defaultAgent);
    const { code, stdout, stderr } = await explain(folder, '--chat-id', 'c1');
    expect(code).toBe(1);
    expect(stdout).toContain('Agent "main" would answer');
    expect(stderr).toMatch(/Route\/r: Accepted \(InvalidExpression\)/);
  });

  it.each([
    [['-o', 'xml'], 'text, json'],
    [['--platform', 'telegrm'], 'telegram'],
    [['--chat-type', 'room'], 'direct, group, channel'],
  ])('refuses %j with the values there are', async (args, values) => {
    const { code, stderr } = await explain(quickstart, ...args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(values);
  });
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'talaria-explain-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const defaultAgent = `
apiVersion: talaria.dev/v1alpha1
kind: Agent
metadata: {name: main}
spec: {default: true, model: {provider: echo, name: echo}}
`;

function routeTo(agent: string): string {
  return `apiVersion: talaria.dev/v1alpha1
kind: Route
metadata: {name: r}
spec:
  rules:
    - name: one
      matches:
        - chatId: c1
      agentRefs: [{name: ${agent}}]
`;
}

function explain(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const command = [path.join(root, 'cli/main.ts'), 'explain', ...args];
    const child = execFile(process.execPath, command, { timeout: 15_000 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
