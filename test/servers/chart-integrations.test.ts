import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type ChartObject,
  chartFolder,
  chartObjects,
  externalDatabase,
  helm,
  named,
  objectsOf,
} from '../harness/helm.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';

describe('callers from outside', () => {
  it('reach the API through an Ingress, and neither its administration nor its metrics', async () => {
    expect(named(await chartObjects('ingress-nginx.yaml'), 'Ingress')).toMatchObject({
      spec: {
        ingressClassName: 'nginx',
        tls: [{ secretName: 'chat-tls' }],
        rules: [{ host: 'chat.example.com', http: { paths: [{ path: '/v1', pathType: 'Prefix' }] } }],
      },
    });
  });

  it('reach it through a Gateway without a limit of time', async () => {
    expect(named(await chartObjects('gateway-api.yaml'), 'HTTPRoute')).toMatchObject({
      spec: {
        parentRefs: [{ name: 'public', namespace: 'networking' }],
        rules: [
          {
            matches: [{ path: { value: '/v1' } }, { path: { value: '/openapi.json' } }],
            backendRefs: [{ name: 'talaria-gateway', port: 80 }],
            timeouts: { request: '0s' },
          },
        ],
      },
    });
  });
});

describe('Prometheus', () => {
  it('finds operator and gateways by their Services, each once', async () => {
    const objects = await chartObjects('prometheus.yaml');
    const { spec, metadata } = named(objects, 'ServiceMonitor', 'talaria') as Selecting;
    expect(metadata.labels).toMatchObject({ release: 'prometheus' });
    const services = objects.filter((object) => object.kind === 'Service' && selects(spec.selector, object));
    expect(services.map((service) => service.metadata.name).sort()).toEqual(['talaria-gateway', 'talaria-operator']);
    for (const service of services) expect(service).toMatchObject({ spec: { ports: [{ name: 'http' }] } });
  });

  it('finds them by their pods', async () => {
    const objects = await chartObjects('closed-network.yaml');
    const { spec } = named(objects, 'PodMonitor', 'talaria') as Selecting;
    const deployments = objects.filter(({ kind }) => kind === 'Deployment') as Templated[];
    expect(deployments.filter(({ spec: { template } }) => selects(spec.selector, template))).toHaveLength(2);
    expect(spec).toMatchObject({ podMetricsEndpoints: [{ port: 'http', path: '/metrics', interval: '15s' }] });
    expect(objects.some(({ kind, metadata }) => kind === 'Service' && metadata.name === 'talaria-operator')).toBe(
      false,
    );
  });
});

it('every dashboard of the chart is a ConfigMap that the sidecar finds, and its own braces stay', async () => {
  const folder = await temporaryFolder('dashboards');
  await cp(chartFolder, folder, { recursive: true });
  await rm(path.join(folder, 'dashboards'), { recursive: true, force: true });
  await mkdir(path.join(folder, 'dashboards'));
  const dashboard = `${JSON.stringify({ title: 'Turns', legendFormat: '{{agent}}' }, undefined, 2)}\n`;
  await writeFile(path.join(folder, 'dashboards', 'turns.json'), dashboard);
  const template = ['template', 'talaria', folder, '--set', 'dashboards.enabled=true,dashboards.annotations.folder=T'];
  const map = named(objectsOf(await helm(template)), 'ConfigMap', 'talaria-dashboard-turns') as ConfigMap;
  expect(map.metadata).toMatchObject({ labels: { grafana_dashboard: '1' }, annotations: { folder: 'T' } });
  expect(map.data['turns.json']).toBe(dashboard);
  await rm(folder, { recursive: true });
});

describe('the network', () => {
  it('lets the operator out to names and the API server alone, and gateways anywhere', async () => {
    const plain = await chartObjects(externalDatabase);
    expect(named(plain, 'NetworkPolicy', 'talaria-operator')).toMatchObject({
      spec: {
        policyTypes: ['Ingress', 'Egress'],
        egress: [{ ports: [{ port: 53 }, { port: 53 }] }, { ports: [{}, {}] }],
      },
    });
    expect(named(plain, 'NetworkPolicy')).toMatchObject({ spec: { policyTypes: ['Ingress'] } });
  });

  it('closes gateways too when it is told what they may reach, and always to names and the API server', async () => {
    const closed = named(await chartObjects('closed-network.yaml'), 'NetworkPolicy');
    const dns = {
      ports: [{ port: 53 }, { port: 53 }],
      to: [{ podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
    };
    const apiServer = { ports: [{ port: 443 }, { port: 6443 }] };
    const database = { to: [{ ipBlock: { cidr: '10.20.0.0/16' } }] };
    const models = { ports: [{ port: 443 }] };
    expect(closed).toMatchObject({
      spec: { policyTypes: ['Ingress', 'Egress'], egress: [dns, apiServer, database, models] },
    });
  });

  it('lets a closed trial reach its database', async () => {
    const to = ['--set', 'networkPolicy.gatewayTo[0].to[0].ipBlock.cidr=0.0.0.0/0'];
    const policy = named(await chartObjects(to), 'NetworkPolicy');
    const database = { podSelector: { matchLabels: { 'app.kubernetes.io/component': 'trial-database' } } };
    expect(policy).toMatchObject({ spec: { egress: [{}, {}, { to: [database] }, {}] } });
  });

  it('lets Prometheus in where only some may call', async () => {
    const objects = await chartObjects('closed-network.yaml');
    const name = (namespace: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': namespace } });
    expect(named(objects, 'NetworkPolicy')).toMatchObject({
      spec: {
        ingress: [{ from: [{ namespaceSelector: name('ingress') }, { namespaceSelector: name('monitoring') }] }],
      },
    });
    expect(named(objects, 'NetworkPolicy', 'talaria-operator')).toMatchObject({
      spec: { ingress: [{ ports: [{ port: 8081 }], from: [{ namespaceSelector: name('monitoring') }] }] },
    });
  });
});

interface Selecting extends ChartObject {
  readonly spec: { readonly selector: LabelSelector };
}

interface Templated extends ChartObject {
  readonly spec: { readonly template: Pick<ChartObject, 'metadata'> };
}

interface ConfigMap extends ChartObject {
  readonly data: Readonly<Record<string, string>>;
}

interface LabelSelector {
  readonly matchExpressions: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** Whether a selector of `In` expressions selects an object. */
function selects({ matchExpressions }: LabelSelector, { metadata }: Pick<ChartObject, 'metadata'>): boolean {
  return matchExpressions.every(({ key, values }) => values.includes(metadata.labels?.[key] ?? ''));
}
