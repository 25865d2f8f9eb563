import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, inject, it } from 'vitest';
import { startControlPlane } from '../harness/control-plane.ts';
import { applyCrds } from '../harness/crds.ts';
import { type ChartObject, chartFolder, externalDatabase, helm, objectsOf, renderChart } from '../harness/helm.ts';
import { kubectl } from '../harness/kubectl.ts';
import { createNamespace } from '../harness/namespace.ts';

const trial: readonly string[] = [];
const variable = 'gateway.extraEnv[0]';
const mount = 'gateway.extraVolumeMounts[0]';
const scale = 'gateway.autoscaling';
const memory = `${scale}.enabled=true,${scale}.targetMemoryUtilizationPercentage=50`;
const anywhere = 'networkPolicy.gatewayTo[0].to[0].ipBlock.cidr=0.0.0.0/0';

it('helm lint finds nothing, with and without the trial database', async () => {
  for (const flags of [trial, externalDatabase]) {
    expect(await helm(['lint', '--strict', chartFolder, ...flags])).toContain('0 chart(s) failed');
  }
});

it('helm template gives the same bytes each time, so that Argo CD sees no difference', async () => {
  expect(await renderChart('demo', trial)).toBe(await renderChart('demo', trial));
});

it('the API server accepts every object of the chart without an unknown field', async () => {
  const namespace = await createNamespace(inject('kubeconfig'));
  for (const flags of [trial, externalDatabase]) {
    const manifests = await renderChart(namespace.name, flags);
    const strict = ['apply', '--dry-run=server', '--validate=strict', '-f', '-'];
    const applied = await namespace.kubectl(strict, manifests);
    expect(applied.trim().split('\n')).toHaveLength(objectsOf<Manifest>(manifests).length);
  }
});

it('helm install works with an external database', async () => {
  const namespace = await createNamespace(inject('kubeconfig'));
  const install = ['install', 'talaria', chartFolder, '--namespace', namespace.name, ...externalDatabase];
  expect(await helm(install, inject('kubeconfig'))).toContain('STATUS: deployed');
  const names = await namespace.kubectl(['get', 'deployments,services,serviceaccounts,configmaps', '-o', 'name']);
  expect(names.split('\n')).toEqual(
    expect.arrayContaining([
      'deployment.apps/talaria-gateway',
      'deployment.apps/talaria-operator',
      'service/talaria-gateway',
      'serviceaccount/talaria-gateway',
      'serviceaccount/talaria-operator',
      'configmap/talaria-gateway-config',
    ]),
  );
});

it('the first install brings the CRDs, and after their upgrade by kubectl another namespace can install too', async () => {
  const controlPlane = await startControlPlane();
  try {
    const { kubeconfig } = controlPlane;
    const install = ['install', 'talaria', chartFolder, '--create-namespace', ...externalDatabase, '--namespace'];
    await helm([...install, 'first'], kubeconfig);
    expect(await kubectl(kubeconfig, ['get', 'crds', '-o', 'name'])).toMatch(/agents.*\n.*cronjobs.*\n.*routes/);
    await applyCrds(kubeconfig);
    await helm([...install, 'second'], kubeconfig);
    expect(await helm(['list', '--all-namespaces', '--short'], kubeconfig)).toBe('talaria\ntalaria\n');
  } finally {
    await controlPlane.stop();
  }
});

it('a second release in the same namespace is refused', async () => {
  const namespace = await createNamespace(inject('kubeconfig'));
  const install = (release: string) =>
    helm(['install', release, chartFolder, '--namespace', namespace.name, ...externalDatabase], inject('kubeconfig'));
  await install('first');
  await expect(install('second')).rejects.toThrow('invalid ownership metadata');
});

it('an upgrade and an uninstall work, and the uninstall leaves no object of the chart', async () => {
  const namespace = await createNamespace(inject('kubeconfig'));
  const release = (verb: string, ...flags: string[]) =>
    helm([verb, 'talaria', '--namespace', namespace.name, ...flags], inject('kubeconfig'));
  await release('install', chartFolder, ...externalDatabase);
  await release('upgrade', chartFolder, ...externalDatabase, '--set', 'gateway.replicas=3');
  const replicas = ['get', 'deployment', 'talaria-gateway', '-o', 'jsonpath={.spec.replicas}'];
  expect(await namespace.kubectl(replicas)).toBe('3');
  await release('uninstall');
  const left = await namespace.kubectl(['get', 'deploy,svc,sa,role,rolebinding,netpol,pdb', '-o', 'name']);
  expect(left.trim()).toBe('');
});

it.each([
  ['a misspelt section', 'gatway.replicas=2', "additional properties 'gatway' not allowed"],
  ['a misspelt field', 'gateway.replica=2', "additional properties 'replica' not allowed"],
  ['a misspelt field of the gateway configuration', 'gateway.config.limits.drain=1', "'drain' not allowed"],
  ['a word where a number belongs', 'gateway.replicas=two', 'got string, want integer'],
  ['an unknown log level', 'logLevel=loud', 'value must be one of'],
  ['an origin with a path', 'gateway.config.cors.origins[0]=https://a/b', 'does not match pattern'],
  ['an issuer without audiences', 'gateway.config.auth.issuers[0].issuer=https://a', "missing property 'audiences'"],
  ['no database at all', 'database.trial=false', 'set database.existingSecret to the name of a Secret'],
  ['two databases', 'database.existingSecret=mine', 'set database.trial to false to use it'],
  ['a digest that is none', 'image.digest=sha256:abc', "at '/image/digest'"],
  ['a label by which pods are selected', 'operator.podLabels.app\\.kubernetes\\.io/name=x', 'invalid propertyName'],
  [
    'a variable that the chart sets',
    'gateway.extraEnv[0].name=DATABASE_URL,gateway.extraEnv[0].value=x',
    "'not' failed",
  ],
  ['a variable without a value', 'gateway.extraEnv[0].name=A', "'oneOf' failed"],
  [
    'a mount of no volume',
    `${mount}.name=ca,${mount}.mountPath=/ca`,
    'the volume ca, which is not in gateway.extraVolumes',
  ],
  ['a budget that blocks every drain', 'gateway.podDisruptionBudget.maxUnavailable=0', 'maxUnavailable'],
  ['an Ingress without a host', 'ingress.enabled=true', 'set ingress.hosts'],
  ['a HTTPRoute without a Gateway', 'httpRoute.enabled=true', 'set httpRoute.parentRefs'],
  [
    'an autoscaler that measures nothing',
    `${scale}.enabled=true,${scale}.targetCPUUtilizationPercentage=0`,
    'measures nothing',
  ],
  [
    'an autoscaler of pods of which there is to be one',
    `${scale}.enabled=true,gateway.strategy=Recreate`,
    'use RollingUpdate, or disable autoscaling',
  ],
  [
    'a variable that tracing sets',
    `tracing.endpoint=http://collector:4318,${variable}.name=OTEL_TRACES_SAMPLER,${variable}.value=always_on`,
    'use the values of tracing',
  ],
  [
    'a variable twice',
    `${variable}.name=A,${variable}.value=x,gateway.extraEnv[1].name=A,gateway.extraEnv[1].value=y`,
    'gateway.extraEnv has A twice',
  ],
  ['a volume of the chart', 'gateway.extraVolumes[0].name=homes', 'use another one'],
  ['a name of the volumes of Agents', 'gateway.extraVolumes[0].name=agent-coder', 'use another one'],
  ['the annotation that restarts pods', 'gateway.podAnnotations.checksum/config=x', 'by which the chart restarts pods'],
  ['an autoscaler whose most is less than its least', `${scale}.enabled=true,${scale}.minReplicas=20`, 'greater than'],
  ['a share of memory that nobody requests', `${memory},gateway.resources=null`, 'set gateway.resources.requests.'],
  ['two monitors', 'metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true', 'enable one of them'],
  ['a closed network that is not enforced', `networkPolicy.enabled=false,${anywhere}`, 'networkPolicy is not enabled'],
])('%s in the values is refused', async (_title, setting, message) => {
  await expect(renderChart('demo', ['--set', setting])).rejects.toThrow(message);
});

it('values.yaml documents every field that the schema knows, and no other', async () => {
  const values = JSON.parse(await helm(['show', 'values', chartFolder, '--jsonpath', '{@}']));
  const schema = JSON.parse(await readFile(path.join(chartFolder, 'values.schema.json'), 'utf8'));
  const { global: _, ...properties } = schema.properties;
  expect(differences(values, { properties })).toEqual([]);
});

it('every container runs under the restricted pod security standard with a read-only root', async () => {
  const pods = objectsOf<Manifest>(await renderChart('demo', trial)).flatMap((it) => it.spec?.template?.spec ?? []);
  expect(pods).toHaveLength(4);
  for (const pod of pods) {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const container of pod.containers) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  }
});

it('the API server warns of nothing where the restricted pod security standard holds', async () => {
  const namespace = await createNamespace(inject('kubeconfig'));
  const strict = ['apply', '--dry-run=server', '--warnings-as-errors', '-f', '-'];
  const manifests = await renderChart(namespace.name, trial);
  await namespace.kubectl(['label', 'namespace', namespace.name, 'pod-security.kubernetes.io/warn=restricted']);
  await namespace.kubectl(strict, manifests);
  const root = manifests.replaceAll('runAsNonRoot: true', 'runAsNonRoot: false');
  await expect(namespace.kubectl(strict, root)).rejects.toThrow('would violate PodSecurity "restricted');
});

it('the strategy Recreate leaves nothing of a rolling update behind', async () => {
  const strategy = async (...flags: string[]) =>
    objectsOf<Manifest>(await renderChart('demo', flags)).find((it) => it.spec?.strategy !== undefined)?.spec?.strategy;
  expect(await strategy()).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } });
  expect(await strategy('--set', 'gateway.strategy=Recreate')).toEqual({ type: 'Recreate' });
});

it('alerts are there only when they are asked for, and are of their own namespace', async () => {
  const rules = (manifests: string) => objectsOf<Manifest>(manifests).filter(({ kind }) => kind === 'PrometheusRule');
  expect(rules(await renderChart('demo', trial))).toEqual([]);
  const asked = ['--set', 'alerts.enabled=true,alerts.labels.release=prometheus'];
  const [rule] = rules(await renderChart('demo', asked));
  expect(rule).toMatchObject({ metadata: { name: 'talaria', labels: { release: 'prometheus' } } });
  expect(JSON.stringify(rule)).toContain('namespace=\\"demo\\"');
});

it('gateways are told of a collector when there is one, and a share that is none is refused', async () => {
  expect(await renderChart('demo', trial)).not.toContain('OTEL_');
  const tracing = (ratio: string) => ['--set', `tracing.endpoint=http://collector:4318,tracing.sampleRatio=${ratio}`];
  const gateway = await renderChart('demo', [...tracing('0.25'), '--set', 'tracing.headersSecret=collector']);
  expect(gateway).toMatch(/OTEL_EXPORTER_OTLP_ENDPOINT\n +value: "http:\/\/collector:4318"/);
  expect(gateway).toMatch(
    /OTEL_TRACES_SAMPLER\n +value: parentbased_traceidratio\n.*OTEL_TRACES_SAMPLER_ARG\n +value: "0.25"/,
  );
  expect(gateway).toContain('secretKeyRef: {name: collector, key: headers}');
  await expect(renderChart('demo', tracing('1.5'))).rejects.toThrow('sampleRatio');
});

it('no password or key is part of the release', async () => {
  expect(objectsOf<Manifest>(await renderChart('demo', trial)).map((it) => it.kind)).not.toContain('Secret');
});

interface Manifest extends ChartObject {
  readonly spec?: {
    readonly strategy?: object;
    readonly template?: { readonly metadata: object; readonly spec: PodSpec };
  };
}

interface PodSpec {
  readonly securityContext: object;
  readonly containers: readonly { readonly securityContext: object }[];
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
}

/** Paths that only one of the two has. */
function differences(values: Readonly<Record<string, unknown>>, schema: ObjectSchema, prefix = ''): string[] {
  const properties = schema.properties;
  if (properties === undefined) return [];
  const names = new Set([...Object.keys(values), ...Object.keys(properties)]);
  return [...names].flatMap((name) => {
    const value = values[name];
    const property = properties[name];
    if (value === undefined || property === undefined) return [prefix + name];
    return differences(value as Record<string, unknown>, property, `${prefix}${name}.`);
  });
}
