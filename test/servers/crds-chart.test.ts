import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { crdFolder } from '../harness/crds.ts';
import { chartFolder, crdsChartFolder, externalDatabase, helm } from '../harness/helm.ts';
import { kubectl } from '../harness/kubectl.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';

let controlPlane: ControlPlane;
let folder: string;

beforeAll(async () => {
  [controlPlane, folder] = await Promise.all([startControlPlane(), temporaryFolder('crds-chart')]);
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(folder, { recursive: true });
});

const inCluster = (...args: string[]) => kubectl(controlPlane.kubeconfig, args);
const release = (verb: string, name: string, namespace: string, ...args: string[]) =>
  helm([verb, name, '--namespace', namespace, ...args], controlPlane.kubeconfig);
const first = ['--create-namespace', ...externalDatabase];

describe('the chart talaria-crds', () => {
  it('has the definitions that the chart talaria installs first, and is kept by an uninstall', async () => {
    for (const file of await readdir(crdFolder)) {
      const template = await helm(['template', 'x', crdsChartFolder, '--show-only', `templates/${file}`]);
      const { metadata, ...definition } = parse(template);
      const { metadata: plain, ...expected } = parse(await readFile(path.join(crdFolder, file), 'utf8'));
      expect(definition).toEqual(expected);
      expect(metadata).toEqual({ ...plain, annotations: { 'helm.sh/resource-policy': 'keep' } });
    }
    expect(await helm(['lint', '--strict', crdsChartFolder])).toContain('0 chart(s) failed');
  });

  it('refuses every value, since it has none', async () => {
    await expect(helm(['template', 'x', crdsChartFolder, '--set', 'keep=false'])).rejects.toThrow("'keep' not allowed");
  });

  it('does not take definitions over that another release brought, unless it is told to', async () => {
    await release('install', 'talaria', 'first', chartFolder, ...first);
    const install = ['talaria-crds', 'definitions', await olderChart(), '--create-namespace'] as const;
    await expect(release('install', ...install)).rejects.toThrow('cannot be imported into the current release');
    expect(await release('install', ...install, '--take-ownership')).toContain('STATUS: deployed');
    expect(await owner()).toBe('talaria-crds');
  });

  it('upgrades them, which an upgrade of the chart talaria does not', async () => {
    await release('upgrade', 'talaria', 'first', chartFolder, ...externalDatabase);
    expect(await shortNames()).toBe('');
    await release('upgrade', 'talaria-crds', 'definitions', crdsChartFolder);
    expect(await shortNames()).toBe('["trt"]');
  });

  it('stays their owner when another namespace installs Talaria without its CRDs', async () => {
    await release('install', 'talaria', 'second', chartFolder, '--skip-crds', ...first);
    expect(await owner()).toBe('talaria-crds');
  });

  it('is there again for its next upgrade when somebody installed Talaria with its CRDs', async () => {
    await release('install', 'talaria', 'third', chartFolder, ...first);
    expect(await owner()).toBe('');
    await release('upgrade', 'talaria-crds', 'definitions', crdsChartFolder);
    expect(await owner()).toBe('talaria-crds');
  });

  it('leaves the definitions and every object of them when it is uninstalled', async () => {
    await inCluster('wait', '--for=condition=Established', '--timeout=30s', '-f', crdFolder);
    const agent = { apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name: 'coder' } };
    await kubectl(controlPlane.kubeconfig, ['apply', '-n', 'first', '-f', '-'], JSON.stringify(agent));
    await release('uninstall', 'talaria-crds', 'definitions');
    expect(await inCluster('get', 'agents.talaria.dev', '-n', 'first', '-o', 'name')).toBe('agent.talaria.dev/coder\n');
  });
});

/** The chart as of a version in which Routes had no short name. */
async function olderChart(): Promise<string> {
  const chart = path.join(folder, 'talaria-crds');
  await cp(crdsChartFolder, chart, { recursive: true });
  const file = path.join(chart, 'templates', 'routes.talaria.dev.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/ {4}shortNames:\n {6}- "trt"\n/, ''));
  return chart;
}

/** The release that the definitions say they belong to; '' when none. */
async function owner(): Promise<string> {
  const name = '{.metadata.annotations.meta\\.helm\\.sh/release-name}';
  return inCluster('get', 'crd', 'routes.talaria.dev', '-o', `jsonpath=${name}`);
}

async function shortNames(): Promise<string> {
  return inCluster('get', 'crd', 'routes.talaria.dev', '-o', 'jsonpath={.spec.names.shortNames}');
}
