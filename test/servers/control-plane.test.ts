import { access } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { kubectl } from '../harness/kubectl.ts';

it('the tests run on a real API server of the pinned version', async () => {
  const version = JSON.parse(await kubectl(inject('kubeconfig'), ['version', '-o', 'json']));
  expect(version.serverVersion.gitVersion).toBe('v1.36.3');
});

describe('a control plane of its own', () => {
  let controlPlane: ControlPlane;
  beforeAll(async () => {
    controlPlane = await startControlPlane();
  });
  afterAll(async () => {
    controlPlane.resume();
    await controlPlane.stop();
    await expect(access(controlPlane.kubeconfig), 'its folder is removed').rejects.toThrow('ENOENT');
  });

  it('a ServiceAccount has its own token and no right that nobody gave it', async () => {
    await kubectl(controlPlane.kubeconfig, ['create', 'serviceaccount', 'reader', '--namespace', 'default']);
    const kubeconfig = await controlPlane.kubeconfigFor({ namespace: 'default', name: 'reader' });
    const who = JSON.parse(await kubectl(kubeconfig, ['auth', 'whoami', '-o', 'json']));
    expect(who.status.userInfo.username).toBe('system:serviceaccount:default:reader');
    await expect(kubectl(kubeconfig, ['get', 'secrets'])).rejects.toThrow('is forbidden');
  });

  it('an API server that is killed and started again has the same address and objects', async () => {
    await kubectl(controlPlane.kubeconfig, ['create', 'configmap', 'kept', '--from-literal=a=b']);
    await controlPlane.stopApiServer();
    await expect(kubectl(controlPlane.kubeconfig, ['get', 'configmaps'])).rejects.toThrow('refused');
    await controlPlane.startApiServer();
    expect(await kubectl(controlPlane.kubeconfig, ['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'])).toBe('b');
  });

  it('a paused API server accepts connections and answers nothing until it goes on', async () => {
    const ask = ['get', 'namespaces', '--request-timeout=1s'];
    controlPlane.pause();
    await expect(kubectl(controlPlane.kubeconfig, ask)).rejects.toThrow(/deadline exceeded|Timeout/);
    controlPlane.resume();
    expect(await kubectl(controlPlane.kubeconfig, ['get', 'namespaces'])).toContain('default');
  });
});
