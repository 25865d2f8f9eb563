import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { parseGatewayConfig } from '../../gateway/config/config-file.ts';
import { foreignKinds } from '../harness/foreign-kinds.ts';
import { type ChartObject, chartFolder, helm, objectsOf, renderChart, valuesFolder } from '../harness/helm.ts';
import { createNamespace, type TestNamespace } from '../harness/namespace.ts';

const root = path.join(import.meta.dirname, '..', '..');
const sets = globSync('*.yaml', { cwd: valuesFolder }).sort();

/** What can be changed only by deleting the object first, or would part pods from what selects them. */
const identities = path.join(root, 'test', 'testdata', 'chart-identities.yaml');

let namespace: TestNamespace;
let rendered: ReadonlyMap<string, string>;

beforeAll(async () => {
  namespace = await createNamespace(inject('kubeconfig'));
  rendered = new Map(await Promise.all(sets.map(async (set) => [set, await render(set)] as const)));
});

const render = (set: string) => renderChart(namespace.name, ['--values', path.join(valuesFolder, set)]);
const objects = (set: string): ChartObject[] => objectsOf(rendered.get(set) ?? '');

it('there are value sets for ten situations', () => {
  expect(sets).toHaveLength(10);
});

describe.each(sets)('the values of %s', (set) => {
  it('give the same bytes each time', async () => {
    expect(await render(set)).toBe(rendered.get(set));
  });

  it('pass helm lint', async () => {
    const lint = await helm(['lint', '--strict', chartFolder, '--values', path.join(valuesFolder, set)]);
    expect(lint).toContain('0 chart(s) failed');
  });

  it('are taken by the API server in the place of any other, and what it does not know has no unknown field', async () => {
    const [foreign, known] = [true, false].map((is) => objects(set).filter(({ kind }) => kind in foreignKinds === is));
    for (const object of foreign ?? []) expect(foreignKinds[object.kind]?.parse(object)).toBeTruthy();
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: known });
    const applied = await namespace.kubectl(['apply', '--server-side', '--validate=strict', '-f', '-'], list);
    expect(applied.trim().split('\n')).toHaveLength(known?.length ?? 0);
  });

  it('configure a gateway that starts', async () => {
    const config = objects(set).find(({ metadata }) => metadata.name === 'talaria-gateway-config') as ConfigMap;
    const given = (parse(await readFile(path.join(valuesFolder, set), 'utf8')) as Values).gateway?.config ?? {};
    expect(parseGatewayConfig(config.data['gateway.yaml'] ?? '', set)).toMatchObject(given);
  });
});

it('no name, no selector and nothing else is gone or changed that an upgrade could not change', async () => {
  const all = sets.flatMap(objects).map((object) => [`${object.kind}/${object.metadata.name}`, identityOf(object)]);
  expect(Object.fromEntries(all)).toMatchObject(parse(await readFile(identities, 'utf8')));
});

interface ConfigMap extends ChartObject {
  readonly data: Readonly<Record<string, string>>;
}

interface Values {
  readonly gateway?: { readonly config?: object };
}

/** Of an object what an upgrade cannot change. Objects of hooks are made anew each time. */
function identityOf(object: ChartObject): object {
  const { spec, roleRef } = object as unknown as { readonly spec?: Record<string, unknown>; readonly roleRef?: object };
  const fixed = { roleRef, ...(object.metadata.annotations?.['helm.sh/hook'] ? {} : spec) } as Record<string, unknown>;
  const names = ['roleRef', 'selector', 'podSelector', 'clusterIP', 'serviceName', 'volumeClaimTemplates'];
  return Object.fromEntries(names.filter((name) => fixed[name] !== undefined).map((name) => [name, fixed[name]]));
}
