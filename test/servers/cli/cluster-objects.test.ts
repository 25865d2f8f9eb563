import { rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { agentsCommand } from '../../../cli/agents.ts';
import { routesCommand } from '../../../cli/routes.ts';
import { statusCommand } from '../../../cli/status.ts';
import { controlPlaneBinaries } from '../../harness/binaries.ts';
import { createNamespace, type TestNamespace } from '../../harness/namespace.ts';
import { runProgram } from '../../harness/run-program.ts';
import { runInProcess } from '../../harness/talaria-in-process.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';

let namespace: TestNamespace;
let folder: string;
beforeAll(async () => {
  namespace = await createNamespace(inject('kubeconfig'));
  folder = await temporaryFolder('cluster-objects');
});
afterAll(() => rm(folder, { recursive: true }));

const groups = { agents: agentsCommand, routes: routesCommand };

function talaria(group: keyof typeof groups, ...args: readonly string[]) {
  return runInProcess(groups[group](), [...args, '--kubeconfig', inject('kubeconfig'), '-n', namespace.name]);
}

/** What the operator would say of an object, which nobody looks at here. */
async function report(object: string, status: object): Promise<void> {
  await namespace.kubectl(['patch', object, '--type=merge', '--subresource=status', '-p', JSON.stringify({ status })]);
}

function condition(type: string, status: string, reason: string, message = ''): object {
  return { type, status, reason, message, lastTransitionTime: '2026-01-31T08:00:00Z' };
}

describe('talaria agents in a cluster', () => {
  it('adds an Agent under a field manager of its own, once', async () => {
    const added = await talaria(
      'agents',
      'add',
      'coder',
      '--model',
      'anthropic/claude',
      '--api-key-secret',
      'anthropic',
    );
    expect(added).toMatchObject({ code: 0, stdout: 'agent.talaria.dev/coder created\n' });
    const stored = await namespace.kubectl([
      'get',
      'agents.talaria.dev',
      'coder',
      '-o',
      'yaml',
      '--show-managed-fields',
    ]);
    expect(parse(stored)).toMatchObject({
      metadata: { managedFields: [{ manager: 'talaria-cli', operation: 'Apply' }] },
      spec: { model: { provider: 'anthropic', name: 'claude', apiKeySecretRef: { name: 'anthropic', key: 'key' } } },
    });
    const again = await talaria('agents', 'add', 'coder', '--model', 'echo/echo');
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toContain(`there is an Agent coder in ${namespace.name}`);
  });

  it('prints what it would apply, which kubectl takes', async () => {
    const { code, stdout } = await talaria('agents', 'add', 'helper', '--model', 'echo/echo', '--default', '--dry-run');
    expect(code).toBe(0);
    expect(await namespace.kubectl(['apply', '-f', '-'], stdout)).toContain('helper created');
  });

  it('shows whether an Agent is ready, and if not why, with the cure', async () => {
    const conditions = [
      condition('Accepted', 'True', 'Accepted'),
      condition('ResolvedRefs', 'False', 'SecretNotFound', 'model: Secret "anthropic" does not exist'),
      condition('Ready', 'False', 'RefsNotResolved'),
    ];
    await report('agents.talaria.dev/coder', { conditions, routes: 2, cronJobs: 1 });
    const list = await talaria('agents', 'list', '-o', 'wide');
    expect(list.stderr).toBe('');
    const [header, coder, helper] = list.stdout.split('\n').map((line) => line.split(/ {3,}/));
    expect(header).toEqual(['NAME', 'READY', 'MODEL', 'DEFAULT', 'ROUTES', 'JOBS', 'AGE', 'ACCOUNTS', 'WHY']);
    expect(coder?.filter((cell) => cell !== '').slice(0, 5)).toEqual(['coder', 'False', 'anthropic/claude', '2', '1']);
    expect(coder?.at(-1)).toBe('SecretNotFound');
    expect(helper?.slice(0, 4)).toEqual(['helper', 'Unknown', 'echo/echo', 'true']);
    const shown = await talaria('agents', 'show', 'coder');
    expect(shown.stdout).toContain(
      '\nWhat is wrong:\n  ResolvedRefs: SecretNotFound; model: Secret "anthropic" does not exist; create the Secret',
    );
    const json = JSON.parse((await talaria('agents', 'show', 'coder', '-o', 'json')).stdout) as object;
    expect(json).toMatchObject({ kind: 'Agent', metadata: { name: 'coder' }, status: { conditions } });
  });

  it('removes one only when that is confirmed, and says what stays', async () => {
    const unasked = await talaria('agents', 'remove', 'coder');
    expect(unasked).toMatchObject({ code: 1, stdout: '' });
    expect(unasked.stderr).toContain('2 Routes and 1 CronJobs name coder');
    expect(unasked.stderr).toContain('--yes');
    const removed = await talaria('agents', 'remove', 'coder', '--yes');
    expect(removed).toMatchObject({ code: 0, stdout: 'agent.talaria.dev/coder deleted\n' });
    const gone = await talaria('agents', 'show', 'coder');
    expect(gone).toMatchObject({ code: 1, stdout: '' });
    expect(gone.stderr).toContain(`there is no Agent coder in ${namespace.name}`);
  });
});

describe('talaria routes in a cluster', () => {
  it('lists matches in the order of precedence, and fails while there are conflicts', async () => {
    await namespace.apply(manifests);
    expect(await talaria('routes', 'conflicts')).toMatchObject({ code: 0, stdout: '', stderr: 'No conflicts.\n' });
    const list = await talaria('routes', 'list');
    const [, ...rows] = list.stdout.trimEnd().split('\n');
    expect(rows.map((row) => row.split(/ {3,}/))).toEqual([
      ['engineering/channel', '5', '33', 'coder', 'Unknown', 'platform=api chatId=eng'],
      ['support/split', '0', '1', 'helper:3,coder:1', 'Unknown', 'platform=telegram'],
    ]);
    const missing = condition(
      'ResolvedRefs',
      'False',
      'AgentNotFound',
      'rule "channel": the Agent "coder" does not exist',
    );
    await report('routes.talaria.dev/engineering', { conditions: [missing] });
    const found = await talaria('routes', 'conflicts');
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(
      /^Route\/engineering {3}AgentNotFound {3}rule "channel": .*; create the Agent, or name/m,
    );
    expect(JSON.parse((await talaria('routes', 'list', '--agent', 'helper', '-o', 'json')).stdout)).toMatchObject([
      { kind: 'Route', metadata: { name: 'support' } },
    ]);
  });
});

describe('talaria status in a cluster', () => {
  it('says what is missing where nothing runs, and fails', async () => {
    const cluster = ['--kubeconfig', inject('kubeconfig'), '-n', namespace.name];
    const { code, stdout } = await runInProcess(statusCommand(), cluster);
    expect(code).toBe(1);
    expect(stdout).toContain('Gateways     nothing is published\n  ! no configuration was published');
    expect(stdout).toContain('Agents       1 in all, 1 not ready\n  ! helper: the operator has not seen it yet');
    expect(stdout).toContain('  ! engineering: AgentNotFound; rule "channel"');
    expect(stdout).toContain(
      'Deliveries   not known\n  ! no gateway could be asked: There is no Service talaria-gateway',
    );
  });
});

describe('kubectl talaria', () => {
  it('is the same in the cluster of kubectl, and says so in its help', async () => {
    await symlink(path.join(import.meta.dirname, '../../../cli/main.ts'), path.join(folder, 'kubectl-talaria'));
    const { kubectl } = await controlPlaneBinaries();
    const env = {
      PATH: [folder, path.dirname(process.execPath), process.env.PATH].join(path.delimiter),
      KUBECONFIG: inject('kubeconfig'),
      TALARIA_GATEWAY: 'http://127.0.0.1:1',
    };
    const list = ['talaria', 'agents', 'list', '-n', namespace.name];
    expect(await runProgram(kubectl, list, { env })).toMatch(/^NAME .*\nhelper /);
    const help = await runProgram(kubectl, ['talaria', 'agents', 'list', '--help'], { env });
    expect(help).toContain('Usage: kubectl talaria agents list');
    expect(help).toContain('\n  kubectl talaria agents list -o json\n');
  });
});

const manifests = `
apiVersion: talaria.dev/v1alpha1
kind: Route
metadata: { name: engineering }
spec:
  priority: 5
  rules: [{ name: channel, matches: [{ platform: api, chatId: eng }], agentRefs: [{ name: coder }] }]
---
apiVersion: talaria.dev/v1alpha1
kind: Route
metadata: { name: support }
spec:
  rules: [{ name: split, matches: [{ platform: telegram }], agentRefs: [{ name: helper, weight: 3 }, { name: coder }] }]
`;
