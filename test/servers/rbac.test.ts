import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Access, mayDo } from '../harness/access.ts';
import { installChart, type TalariaComponent, writeComponentKubeconfig } from '../harness/install-chart.ts';
import { kubectl } from '../harness/kubectl.ts';
import { createNamespace, type TestNamespace } from '../harness/namespace.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';

/** `verb[,verb] resource[/subresource][:name]`. */
const rights: Record<TalariaComponent, { readonly has: readonly string[]; readonly lacks: readonly string[] }> = {
  operator: {
    has: [
      'list,watch agents.talaria.dev',
      'list,watch routes.talaria.dev',
      'list,watch cronjobs.talaria.dev',
      'patch agents.talaria.dev/status:coder',
      'patch routes.talaria.dev/status:team',
      'patch cronjobs.talaria.dev/status:daily',
      'list,watch secrets',
      'list,watch configmaps',
      'create secrets',
      'create configmaps',
      'get,update configmaps:talaria-snapshot',
      'get,update configmaps:talaria-snapshot-00a',
      'get,update configmaps:talaria-snapshot-63b',
      'get,update secrets:talaria-credentials-00',
      'get,update secrets:talaria-credentials-15',
      'list,watch,create leases.coordination.k8s.io',
      'get,update leases.coordination.k8s.io:talaria-operator',
      'delete leases.coordination.k8s.io:talaria-gateway-1',
      'create events.events.k8s.io',
      'get deployments.apps:talaria-operator',
    ],
    lacks: [
      'get secrets:somebodys',
      'get agents.talaria.dev:coder',
      'create,update,patch,delete agents.talaria.dev:coder',
      'create,update,patch,delete routes.talaria.dev:team',
      'create,update,patch,delete cronjobs.talaria.dev:daily',
      'patch,delete configmaps:talaria-snapshot',
      'update,patch,delete configmaps:somebodys',
      'update,patch,delete configmaps:talaria-gateway-config',
      'update,patch,delete secrets:somebodys',
      'update,patch,delete secrets:talaria-trial-database',
      'update,patch leases.coordination.k8s.io:talaria-gateway-1',
      'deletecollection secrets',
      'deletecollection configmaps',
      'update,patch,delete deployments.apps:talaria-operator',
      'get deployments.apps:talaria-gateway',
      'create pods',
      'create pods/exec:talaria-gateway-1',
      'create roles.rbac.authorization.k8s.io',
      'create rolebindings.rbac.authorization.k8s.io',
      'create serviceaccounts/token:talaria-gateway',
      'impersonate serviceaccounts:talaria-gateway',
    ],
  },
  gateway: {
    has: [
      'get,list,watch configmaps:talaria-snapshot',
      'get configmaps:talaria-snapshot-00a',
      'get configmaps:talaria-snapshot-63b',
      'get secrets:talaria-credentials-00',
      'get secrets:talaria-credentials-15',
      'create leases.coordination.k8s.io',
      'patch,delete leases.coordination.k8s.io:talaria-gateway-1',
      'patch agents.talaria.dev/status:coder',
      'patch cronjobs.talaria.dev/status:daily',
      'create events.events.k8s.io',
    ],
    lacks: [
      'list,watch,create configmaps',
      'get configmaps:somebodys',
      'update,patch,delete configmaps:talaria-snapshot',
      'list,watch,create secrets',
      'get secrets:somebodys',
      'get secrets:talaria-trial-database',
      'get secrets:talaria-trial-key',
      'update,patch,delete secrets:talaria-credentials-00',
      'get,list,watch agents.talaria.dev',
      'get,list,watch routes.talaria.dev',
      'get,list,watch cronjobs.talaria.dev',
      'update,patch,delete agents.talaria.dev:coder',
      'patch routes.talaria.dev/status:team',
      'list,watch leases.coordination.k8s.io',
      'get,list pods',
      'get deployments.apps:talaria-gateway',
      'create pods/exec:talaria-gateway-1',
      'create serviceaccounts/token:talaria-operator',
    ],
  },
};

describe.each(['operator', 'gateway'] as const)("the %s's ServiceAccount", (component) => {
  let namespace: TestNamespace;
  let folder: string;
  let kubeconfig: string;

  beforeAll(async () => {
    namespace = await createNamespace(inject('kubeconfig'));
    await installChart(inject('kubeconfig'), namespace.name);
    folder = await temporaryFolder('rbac');
    kubeconfig = path.join(folder, 'kubeconfig');
    await writeComponentKubeconfig(kubeconfig, inject('kubeconfig'), namespace.name, component);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('may do what it must', async () => {
    expect(await allowed(kubeconfig, rights[component].has, namespace.name)).toEqual(split(rights[component].has));
  });

  it('may do nothing of what it need not', async () => {
    expect(await allowed(kubeconfig, rights[component].lacks, namespace.name)).toEqual([]);
  });

  it('has no right in another namespace', async () => {
    expect(await allowed(kubeconfig, rights[component].has, 'default')).toEqual([]);
  });
});

it('the operator has rights on claims and on the Deployment of the gateways only where Agents may have volumes', async () => {
  const has = [
    'list,watch,create persistentvolumeclaims',
    'patch,delete persistentvolumeclaims:talaria-profile-coder',
    'list,watch,patch deployments.apps:talaria-gateway',
    'list,watch replicasets.apps',
    'list,watch pods',
    'list events.events.k8s.io',
  ];
  const lacks = [
    'create deployments.apps',
    'update,delete deployments.apps:talaria-gateway',
    'patch,delete deployments.apps:talaria-operator',
    'list,watch deployments.apps',
    'update persistentvolumeclaims',
    'deletecollection persistentvolumeclaims',
    'get,list persistentvolumes',
    'get,list storageclasses.storage.k8s.io',
    'create,patch,delete pods',
    'create,patch,delete replicasets.apps',
  ];
  await asComponent('operator', async (kubeconfig, namespace) => {
    expect(await allowed(kubeconfig, has, namespace)).toEqual([]);
  });
  const enabled = ['--set', 'profiles.agentVolumes.enabled=true'];
  await asComponent(
    'operator',
    async (kubeconfig, namespace) => {
      expect(await allowed(kubeconfig, has, namespace)).toEqual(split(has));
      expect(await allowed(kubeconfig, lacks, namespace)).toEqual([]);
    },
    enabled,
  );
});

it('a gateway can read its own namespace, whose uid its database belongs to, and no other', async () => {
  await asGateway(async (kubeconfig, namespace) => {
    expect(await kubectl(kubeconfig, ['get', 'namespace', namespace, '-o', 'name'])).toContain(namespace);
    await expect(kubectl(kubeconfig, ['get', 'namespace', 'default'])).rejects.toThrow('forbidden');
    await expect(kubectl(kubeconfig, ['get', 'namespaces'])).rejects.toThrow('forbidden');
  });
});

it('a gateway can watch the index of the snapshot by its name, although it may list no ConfigMap', async () => {
  await asGateway(async (kubeconfig, namespace) => {
    const watch = `/api/v1/namespaces/${namespace}/configmaps?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3D`;
    expect(await kubectl(kubeconfig, ['get', '--raw', `${watch}talaria-snapshot`])).toBe('');
    await expect(kubectl(kubeconfig, ['get', '--raw', `${watch}talaria-gateway-config`])).rejects.toThrow('forbidden');
  });
});

type Action = (kubeconfig: string, namespace: string) => Promise<void>;

/** Does something with the token of a gateway's ServiceAccount. */
async function asGateway(action: Action): Promise<void> {
  await asComponent('gateway', action);
}

/** Does something with the token of a component's ServiceAccount; `flags` are values of the chart. */
async function asComponent(component: TalariaComponent, action: Action, flags?: readonly string[]): Promise<void> {
  const namespace = await createNamespace(inject('kubeconfig'));
  await installChart(inject('kubeconfig'), namespace.name, flags);
  const folder = await temporaryFolder('rbac');
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeComponentKubeconfig(kubeconfig, inject('kubeconfig'), namespace.name, component);
  await action(kubeconfig, namespace.name);
  await rm(folder, { recursive: true });
}

/** Those of the wishes, one verb each, that the API server allows. */
async function allowed(kubeconfig: string, wishes: readonly string[], namespace: string): Promise<string[]> {
  const single = split(wishes);
  const answers = await mayDo(
    kubeconfig,
    single.map((wish) => parse(wish, namespace)),
  );
  return single.filter((_, index) => answers[index]);
}

function split(wishes: readonly string[]): string[] {
  return wishes.flatMap((wish) => {
    const [verbs = '', target = ''] = wish.split(' ');
    return verbs.split(',').map((verb) => `${verb} ${target}`);
  });
}

function parse(wish: string, namespace: string): Access {
  const match = /^(\S+) ([^/:]+)(?:\/([^:]+))?(?::(.+))?$/.exec(wish);
  const [, verb = '', resource = '', subresource, name] = match ?? [];
  return { verb, resource, namespace, ...(subresource && { subresource }), ...(name && { name }) };
}
