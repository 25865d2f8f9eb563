import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { kubectl } from '../harness/kubectl.ts';
import { descendants, isAlive } from '../harness/process-tree.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('npm run cluster', () => {
  let state: string;
  let running: RunningCluster | undefined;
  let firstKey: string;

  beforeAll(async () => {
    state = await temporaryFolder('cluster-test');
  });
  afterEach(async () => {
    await running?.end('SIGKILL');
    running = undefined;
  });
  afterAll(() => rm(state, { recursive: true }));

  it('prints how to reach it, serves, and leaves no process after SIGINT', async () => {
    running = await startCluster(['--replicas', '2', '--state', state]);
    const { kubeconfig, apiKey, gateways } = running;
    firstKey = apiKey;
    expect(gateways).toHaveLength(2);
    await kubectl(kubeconfig, ['apply', '-f', '-'], agent);
    await kubectl(kubeconfig, ['wait', '--for=condition=Ready', '--timeout=60s', 'agents.talaria.dev/greeter']);
    for (const gateway of gateways) expect(await models(gateway, apiKey)).toEqual(['talaria/greeter']);
    const processes = await descendants(running.pid);
    expect(processes.length).toBeGreaterThanOrEqual(6);
    expect(await running.end('SIGINT')).toBe(0);
    await waitFor('every process to be gone', () => !processes.some(isAlive), { timeoutMs: 1_000 });
  });

  it('has the same objects and the same key when it is started again on its state', async () => {
    running = await startCluster(['--replicas', '1', '--state', state]);
    const { apiKey, gateways } = running;
    expect(apiKey).toBe(firstKey);
    expect(gateways).toHaveLength(1);
    await waitFor('the agent to be served', async () => (await models(gateways[0] ?? '', apiKey)).length === 1);
    expect(await running.end('SIGTERM')).toBe(0);
  });

  it('leaves no process when it is killed', async () => {
    running = await startCluster(['--replicas', '1', '--state', state]);
    const processes = await descendants(running.pid);
    await running.end('SIGKILL');
    await waitFor('every process to be gone', () => !processes.some(isAlive));
  });

  it('refuses a wrong number of replicas', async () => {
    const child = spawn(process.execPath, [program, '--replicas', 'many'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [[code], message] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
    expect(code).toBe(1);
    expect(message).toContain('"many" is not a whole number');
  });
});

const program = path.join(import.meta.dirname, '..', '..', 'cli', 'cluster.ts');
const agent = JSON.stringify({
  apiVersion: 'talaria.dev/v1alpha1',
  kind: 'Agent',
  metadata: { name: 'greeter' },
  spec: { model: { provider: 'echo', name: 'echo' } },
});

interface RunningCluster {
  readonly pid: number;
  readonly kubeconfig: string;
  readonly apiKey: string;
  readonly gateways: readonly string[];
  /** Gives the exit code. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

async function startCluster(args: readonly string[]): Promise<RunningCluster> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const output = collect(child);
  const up = waitFor('the cluster to be up', () => child.exitCode !== null || output.stderr().includes('Ctrl-C'), {
    timeoutMs: 110_000,
    intervalMs: 100,
  });
  await up.catch(() => child.kill('SIGKILL'));
  if (child.exitCode !== null || child.killed) throw new Error(`the cluster did not start: ${output.stderr()}`);
  const lines = output.stdout().trim().split('\n');
  const exported = (name: string) => lines.find((line) => line.startsWith(`export ${name}=`))?.split('=')[1] ?? '';
  return {
    pid: child.pid ?? 0,
    kubeconfig: exported('KUBECONFIG'),
    apiKey: exported('TALARIA_API_KEY'),
    gateways: lines.filter((line) => line.startsWith('http://127.0.0.1:')),
    end: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}

function collect(child: ChildProcess): { readonly stdout: () => string; readonly stderr: () => string } {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    stdout += piece;
  });
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    stderr += piece;
  });
  return { stdout: () => stdout, stderr: () => stderr };
}

async function models(gateway: string, apiKey: string): Promise<string[]> {
  const response = await fetch(`${gateway}/v1/models`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect(response.status).toBe(200);
  const { data } = (await response.json()) as { readonly data: readonly { readonly id: string }[] };
  return data.map((model) => model.id);
}
