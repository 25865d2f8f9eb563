import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ChartObject, chartFolder, chartObjects, externalDatabase, named, valuesFolder } from '../harness/helm.ts';

const kindsOf = (objects: readonly ChartObject[]) => new Set(objects.map(({ kind }) => kind));
/** Matches a Deployment by a part of its pods. */
const pods = (spec: object) => ({ spec: { template: { spec } } });
const selector = (component: string) => ({
  matchLabels: { 'app.kubernetes.io/name': 'talaria', 'app.kubernetes.io/component': component },
});

it('what needs another controller is there only when it is asked for', async () => {
  const asked = ['Ingress', 'HTTPRoute', 'HorizontalPodAutoscaler', 'ServiceMonitor', 'PodMonitor', 'PrometheusRule'];
  const plain = kindsOf(await chartObjects(externalDatabase));
  expect(asked.filter((kind) => plain.has(kind))).toEqual([]);
});

describe('pods', () => {
  it('spread over nodes unless something else is asked for, and each component counts its own', async () => {
    const plain = await chartObjects(externalDatabase);
    const zones = await chartObjects('zones.yaml');
    for (const component of ['operator', 'gateway']) {
      const labelSelector = selector(component);
      const byNode = { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector };
      const topologySpreadConstraints = [expect.objectContaining(byNode)];
      expect(named(plain, 'Deployment', `talaria-${component}`)).toMatchObject(pods({ topologySpreadConstraints }));
    }
    const byZone = { topologyKey: 'topology.kubernetes.io/zone', labelSelector: selector('gateway') };
    expect(named(zones, 'Deployment')).toMatchObject(
      pods({ topologySpreadConstraints: [byZone, {}], priorityClassName: 'high-priority' }),
    );
  });

  it('are taken one at a time by drains of nodes, and one that serves nobody holds up none', async () => {
    const plain = await chartObjects(externalDatabase);
    for (const component of ['operator', 'gateway']) {
      expect(named(plain, 'PodDisruptionBudget', `talaria-${component}`)).toMatchObject({
        spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: selector(component) },
      });
    }
    expect(named(await chartObjects('zones.yaml'), 'PodDisruptionBudget')).toMatchObject({
      spec: { maxUnavailable: '34%' },
    });
    const none = ['--set', 'gateway.podDisruptionBudget.enabled=false,operator.podDisruptionBudget.enabled=false'];
    expect(kindsOf(await chartObjects(none))).not.toContain('PodDisruptionBudget');
  });

  it('have no fixed number where an autoscaler sets it', async () => {
    const scaled = await chartObjects('autoscaling.yaml');
    expect(named(scaled, 'Deployment')).not.toHaveProperty('spec.replicas');
    expect(named(scaled, 'HorizontalPodAutoscaler')).toMatchObject({
      spec: {
        scaleTargetRef: { kind: 'Deployment', name: 'talaria-gateway' },
        minReplicas: 3,
        metrics: [{ resource: { name: 'cpu', target: { averageUtilization: 60 } } }],
        behavior: { scaleDown: { stabilizationWindowSeconds: 600 } },
      },
    });
  });

  it('run the image of a digest, whatever the tag is', async () => {
    const values = path.join(valuesFolder, 'private-registry.yaml');
    const pinned = await chartObjects(['--values', values, '--set', 'image.tag=v2']);
    for (const name of ['talaria-operator', 'talaria-gateway']) {
      const image = expect.stringMatching(/^registry\.example\.com\/platform\/talaria@sha256:[a-f0-9]{64}$/);
      expect(named(pinned, 'Deployment', name)).toMatchObject(
        pods({ containers: [{ image }], imagePullSecrets: [{ name: 'registry-example-com' }] }),
      );
      expect(named(pinned, 'Deployment', name)).toMatchObject({ spec: { revisionHistoryLimit: 3 } });
    }
  });

  it('have no variable of the chart that one of your own could replace, except how many arenas glibc has', async () => {
    const deployments = (await chartObjects(externalDatabase)).filter(({ kind }) => kind === 'Deployment') as Running[];
    const names = deployments.flatMap(
      ({ spec }) => spec.template.spec.containers[0]?.env.map(({ name }) => name) ?? [],
    );
    expect(names).toContain('TALARIA_NAMESPACE');
    const schema = JSON.parse(await readFile(path.join(chartFolder, 'values.schema.json'), 'utf8'));
    const refused = new RegExp(schema.$defs.extraEnv.items.properties.name.not.pattern);
    const arenas = 'MALLOC_ARENA_MAX';
    expect(names.filter((name) => !refused.test(name))).toEqual([arenas]);
    const own = `operator.extraEnv[0].name=${arenas},operator.extraEnv[0].value=4`;
    const replaced = named(
      await chartObjects([...externalDatabase, '--set-string', own]),
      'Deployment',
      'talaria-operator',
    );
    const env = (replaced as unknown as Running).spec.template.spec.containers[0]?.env ?? [];
    expect(env.filter(({ name }) => name === arenas)).toEqual([{ name: arenas, value: '4' }]);
  });

  it('read the URLs of the database by the keys that its Secret has', async () => {
    const keys = ['--set', 'database.urlKey=uri,database.directUrlKey=direct-uri'];
    const objects = await chartObjects([...externalDatabase, ...keys]);
    const from = (name: string, key: string) =>
      expect.objectContaining({
        name,
        valueFrom: { secretKeyRef: expect.objectContaining({ name: 'my-database', key }) },
      });
    const env = expect.arrayContaining([from('DATABASE_URL', 'uri'), from('DATABASE_DIRECT_URL', 'direct-uri')]);
    expect(named(objects, 'Deployment')).toMatchObject(pods({ containers: [{ env }] }));
  });

  it('get variables, volumes and identities of their own beside those of the chart', async () => {
    const company = await chartObjects('company-network.yaml');
    const mine = { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/company/ca.crt' };
    expect(named(company, 'Deployment')).toMatchObject(
      pods({
        containers: [
          {
            env: expect.arrayContaining([mine, expect.objectContaining({ name: 'DATABASE_URL' })]),
            volumeMounts: expect.arrayContaining([expect.objectContaining({ mountPath: '/etc/company' })]),
          },
        ],
        volumes: expect.arrayContaining([{ name: 'company-ca', configMap: { name: 'company-ca' } }]),
      }),
    );
    for (const component of ['operator', 'gateway']) {
      expect(named(company, 'ServiceAccount', `talaria-${component}`).metadata.annotations).toEqual({
        'iam.gke.io/gcp-service-account': `talaria-${component}@example.iam.gserviceaccount.com`,
      });
    }
  });
});

it('common labels are on every object and on no selector', async () => {
  const objects = await chartObjects('private-registry.yaml');
  for (const { kind, metadata } of objects) expect(metadata.labels, kind).toMatchObject({ team: 'agents' });
  expect(JSON.stringify(objects.map((object) => ({ ...object, metadata: {} })))).not.toContain('cost-center');
});

interface Running extends ChartObject {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly env: readonly { name: string }[] }[] };
    };
  };
}
