import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTrialSecrets } from '../../cli/trial-secrets.ts';
import { createKubeClient } from '../../core/kube/client.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import { renderChart } from '../harness/helm.ts';
import { writeServiceAccountKubeconfig } from '../harness/kubeconfig.ts';
import { kubectl } from '../harness/kubectl.ts';
import { createNamespace, type TestNamespace } from '../harness/namespace.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';

const account = 'talaria-trial-secrets';

describe('the job that prepares a trial, with the rights that the chart gives it', () => {
  let namespace: TestNamespace;
  let folder: string;
  let kubeconfig: string;
  let client: KubeClient;

  beforeAll(async () => {
    namespace = await createNamespace(inject('kubeconfig'));
    await namespace.kubectl(['apply', '-f', '-'], await renderChart(namespace.name, []));
    folder = await temporaryFolder('trial');
    kubeconfig = path.join(folder, 'kubeconfig');
    await writeServiceAccountKubeconfig(kubeconfig, inject('kubeconfig'), { namespace: namespace.name, name: account });
    client = createKubeClient({ kubeconfig, fieldManager: 'talaria-trial' });
  });
  afterAll(async () => {
    await client.close();
    await rm(folder, { recursive: true });
  });

  it('makes the password with its addresses, and an admin key for all agents', async () => {
    expect(await createTrialSecrets(client)).toEqual(['talaria-trial-database', 'talaria-trial-key']);
    const database = await read('talaria-trial-database');
    const password = decode(database.data.password);
    const url = `postgres://talaria:${password}@talaria-trial-database:5432/talaria`;
    expect(password).toMatch(/^[\w-]{43}$/);
    expect([decode(database.data.url), decode(database.data.directUrl)]).toEqual([url, url]);
    const key = await read('talaria-trial-key');
    expect(decode(key.data.key)).toMatch(/^[\w-]{43}$/);
    expect(decode(key.data.key)).not.toBe(password);
    expect(key.metadata.labels).toEqual({ 'talaria.dev/gateway-key': 'true' });
    expect(key.metadata.annotations).toEqual({ 'talaria.dev/agents': '*', 'talaria.dev/role': 'admin' });
  });

  it('keeps what is there when it runs again', async () => {
    const before = await read('talaria-trial-database');
    expect(await createTrialSecrets(client)).toEqual([]);
    expect(await read('talaria-trial-database')).toEqual(before);
  });

  it('may read no Secret, not even its own', async () => {
    const get = ['get', 'secret', 'talaria-trial-key', '--namespace', namespace.name];
    await expect(kubectl(kubeconfig, get)).rejects.toThrow('forbidden');
  });

  async function read(name: string): Promise<SecretObject> {
    return JSON.parse(await namespace.kubectl(['get', 'secret', name, '-o', 'json']));
  }
});

interface SecretObject {
  readonly metadata: { readonly labels: object; readonly annotations: object };
  readonly data: Readonly<Record<string, string>>;
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString();
}
