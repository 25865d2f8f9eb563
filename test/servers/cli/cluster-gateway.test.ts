import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { findAdminKey, findGatewayPod } from '../../../cli/remote/cluster-gateway.ts';
import { gatewayKeySecret } from '../../../cli/trial-secrets.ts';
import { createKubeClient } from '../../../core/kube/client.ts';
import type { KubeClient } from '../../../core/kube/types.ts';
import { renderChart } from '../../harness/helm.ts';
import { writeServiceAccountKubeconfig } from '../../harness/kubeconfig.ts';
import { createNamespace, type TestNamespace } from '../../harness/namespace.ts';
import { runTalaria } from '../../harness/talaria-command.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';

let namespace: TestNamespace;
let folder: string;
let client: KubeClient;
beforeAll(async () => {
  namespace = await createNamespace(inject('kubeconfig'));
  folder = await temporaryFolder('cluster-gateway');
  client = createKubeClient({
    kubeconfig: inject('kubeconfig'),
    namespace: namespace.name,
    fieldManager: 'talaria-cli',
  });
});
afterAll(async () => {
  await client.close();
  await rm(folder, { recursive: true });
});

function talaria(...args: readonly string[]) {
  const cluster = ['--kubeconfig', inject('kubeconfig'), '-n', namespace.name];
  return runTalaria([...args, ...cluster], { cwd: folder });
}

/** A pod as the chart's Deployment makes it, in so far as the search looks at it. */
async function createPod(name: string, ready: boolean): Promise<void> {
  const labels = { 'app.kubernetes.io/name': 'talaria', 'app.kubernetes.io/component': 'gateway' };
  const ports = [{ name: 'http', containerPort: 8080 }];
  const spec = { containers: [{ name: 'gateway', image: 'talaria', ports }] };
  await namespace.apply([{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec }]);
  const status = { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] };
  await namespace.kubectl(['patch', 'pod', name, '--subresource=status', '-p', JSON.stringify({ status })]);
}

/** Each step adds what the one before missed. */
describe('the gateway of a cluster', () => {
  it('is missed by name where the chart is not installed', async () => {
    const { code, stdout, stderr } = await talaria('jobs', 'list');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain(`There is no Service talaria-gateway in the namespace ${namespace.name}`);
    expect(stderr).toContain('-n');
  });

  it('is missed with the way to see why while none of its pods is ready', async () => {
    await namespace.apply(await renderChart(namespace.name, []));
    await createPod('gateway-a', false);
    await expect(findGatewayPod(client)).rejects.toThrow(
      /No pod of the 1 behind the Service talaria-gateway .*describe pods -l app\.kubernetes\.io/,
    );
  });

  it('is a ready pod behind the chart’s Service, at the port that the Service names', async () => {
    await createPod('gateway-b', true);
    expect(await findGatewayPod(client)).toEqual({ pod: 'gateway-b', port: 8080 });
  });

  it('is asked with an admin key of the namespace, which must be there', async () => {
    await expect(findAdminKey(client)).rejects.toThrow(/No gateway key with the role admin .*--key or TALARIA_API_KEY/);
    const some = gatewayKeySecret('a-some', 'key-of-some');
    const annotations = { 'talaria.dev/role': 'admin', 'talaria.dev/agents': 'clerk' };
    const v1 = { apiVersion: 'v1', kind: 'Secret' };
    await namespace.apply([{ ...v1, ...some, metadata: { ...some.metadata, annotations } }]);
    expect(await findAdminKey(client)).toBe('key-of-some');
    await namespace.apply([{ ...v1, ...gatewayKeySecret('talaria-trial-key', 'key-of-all') }]);
    expect(await findAdminKey(client)).toBe('key-of-all');
  });

  it('is reached through the API server, which says when it cannot, and no key is printed', async () => {
    const { code, stdout, stderr } = await talaria('jobs', 'list');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/^talaria jobs list: no gateway answers at http:\/\/127\.0\.0\.1:\d+: .+\n$/);
    expect(stderr).not.toContain('key-of-all');
  });

  it('needs rights, which the refusal names', async () => {
    await namespace.kubectl(['create', 'serviceaccount', 'stranger']);
    const kubeconfig = path.join(folder, 'stranger');
    await writeServiceAccountKubeconfig(kubeconfig, inject('kubeconfig'), {
      namespace: namespace.name,
      name: 'stranger',
    });
    const { code, stderr } = await runTalaria(['jobs', 'list', '--kubeconfig', kubeconfig], { cwd: folder });
    expect(code).toBe(3);
    expect(stderr).toContain('HTTP 403');
    expect(stderr).toContain('create pods/portforward');
  });

  it('is one of the context that is named, which must be there', async () => {
    const { code, stderr } = await talaria('jobs', 'list', '--context', 'nowhere');
    expect(code).toBe(3);
    expect(stderr).toContain('has no context "nowhere"');
  });
});
