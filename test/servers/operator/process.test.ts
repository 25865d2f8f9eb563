import { spawn } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { configMaps, deployments, leases } from '../../../core/kube/resources.ts';
import { snapshotIndexName } from '../../../core/snapshot/names.ts';
import { startOperator, type TalariaProcess } from '../../harness/talaria-process.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Stage } from './stage.ts';

let stage: Stage;
let operator: TalariaProcess;

beforeAll(async () => {
  stage = await createStage();
  operator = await startOperator({ kubeconfig: inject('kubeconfig'), namespace: stage.namespace.name });
});
afterAll(async () => {
  await operator.stop();
  await stage.stop();
});

describe('operator/main.ts', () => {
  it('answers probes and prints its metrics', async () => {
    expect((await fetch(`${operator.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${operator.url}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${operator.url}/metrics`)).text();
    expect(metrics).toContain('talaria_operator_leading 1');
    expect(metrics).toContain('talaria_operator_crds_too_old 0');
    expect((await fetch(`${operator.url}/`)).status).toBe(404);
  });

  it('owns what it makes through its Deployment', async () => {
    const deployment = await stage.client.get(deployments, 'talaria-operator');
    const index = await waitFor('a snapshot', () => stage.client.get(configMaps, snapshotIndexName));
    expect(index.metadata.ownerReferences).toMatchObject([{ kind: 'Deployment', uid: deployment?.metadata.uid }]);
  });

  it('ends on SIGTERM with 0 and gives its lease up', async () => {
    expect(await operator.terminate()).toMatchObject({ code: 0 });
    expect((await stage.client.get(leases, 'talaria-operator'))?.spec?.holderIdentity).toBe('');
    await operator.start();
  });

  it('names a variable of the environment that is missing or wrong, and ends with 2', async () => {
    expect(await run({})).toEqual({ code: 2, output: expect.stringMatching(/^TALARIA_NAMESPACE must be set/) });
    const wrong = { TALARIA_NAMESPACE: 'team', POD_NAME: 'operator-0', TALARIA_LISTEN: 'nowhere' };
    expect(await run(wrong)).toEqual({ code: 2, output: expect.stringMatching(/^TALARIA_LISTEN must be .*"nowhere"/) });
  });

  it('logs no value of a Secret', async () => {
    await stage.namespace.apply([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'openai', labels: { 'talaria.dev/credentials': 'true' } },
        stringData: { key: 'sk-never-logged' },
      },
      {
        apiVersion: 'talaria.dev/v1alpha1',
        kind: 'Agent',
        metadata: { name: 'coder' },
        spec: { model: { provider: 'openai', name: 'gpt', apiKeySecretRef: { name: 'openai' } } },
      },
    ]);
    const shards = ['get', 'secrets', '-o', 'jsonpath={.items[*].data}'];
    await waitFor('the value in a shard', async () => (await stage.namespace.kubectl(shards)).includes('coder.model.'));
    expect(operator.log()).not.toContain('sk-never-logged');
  });
});

async function run(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const main = path.join(import.meta.dirname, '..', '..', '..', 'operator', 'main.ts');
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stderr.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}
