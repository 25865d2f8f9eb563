import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, inject, it } from 'vitest';
import { controlPlaneBinaries } from '../harness/binaries.ts';
import { chartFolder, externalDatabase, helm, objectsOf, renderChart } from '../harness/helm.ts';
import { createNamespace } from '../harness/namespace.ts';
import { runProgram } from '../harness/run-program.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';

/** What `helm install` prints for people, without installing anything. */
async function notes(namespace: string, flags: readonly string[]): Promise<string> {
  const install = ['install', 'talaria', chartFolder, '--namespace', namespace, '--dry-run=client', ...flags];
  return (await helm(install, inject('kubeconfig'))).split('NOTES:')[1] ?? '';
}

const commands = (text: string) => text.split('\n').filter((line) => line.startsWith('  kubectl'));

it('the notes of an install make a gateway key by commands that work', async () => {
  const namespace = await createNamespace(inject('kubeconfig'));
  const making = commands(await notes(namespace.name, externalDatabase)).filter((line) => line.includes(' secret '));
  expect(making).toHaveLength(3);
  const folder = path.dirname((await controlPlaneBinaries()).kubectl);
  const home = await temporaryFolder('chart-notes');
  const env = { PATH: `${folder}:${process.env.PATH}`, HOME: home, KUBECONFIG: inject('kubeconfig') };
  await runProgram('bash', ['-euc', making.join('\n')], { env });
  await rm(home, { recursive: true });
  const keys = ['get', 'secrets', '-l', 'talaria.dev/gateway-key=true', '-o', 'jsonpath={.items[*].metadata}'];
  expect(JSON.parse(await namespace.kubectl(keys))).toMatchObject({
    name: 'my-key',
    annotations: { 'talaria.dev/agents': '*', 'talaria.dev/role': 'client' },
  });
});

it('the notes of a trial name what an uninstall leaves, and the Service is there that they forward', async () => {
  const text = await notes('demo', []);
  const objects = objectsOf(await renderChart('demo', []));
  const named = (kind: string) => objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
  const [database] = named('StatefulSet');
  expect(text).toContain(`persistentvolumeclaim data-${database}-0`);
  expect(text).toContain('delete secret talaria-trial-database talaria-trial-key');
  const forwarded = /service\/(\S+) 8080:80/.exec(text)?.[1];
  expect(named('Service')).toContain(forwarded);
});

it('the notes say where an Ingress and a HTTPRoute serve', async () => {
  const ingress = ['--set', 'ingress.enabled=true,ingress.hosts[0]=chat.example.com'];
  expect(await notes('demo', ingress)).toContain('Its Ingress serves /v1 of chat.example.com.');
  const route = ['--set', 'httpRoute.enabled=true,httpRoute.parentRefs[0].name=public'];
  expect(await notes('demo', route)).toContain('Its HTTPRoute serves /v1 of every host of its Gateways.');
});
