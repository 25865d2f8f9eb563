import { beforeAll, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../core/kube/client.ts';
import { agents } from '../../core/kube/resources.ts';
import { type Kind, kinds } from '../../crds/common.ts';
import { servedSchema } from '../../crds/served-schema.ts';
import type { SchemaNode } from '../../crds/structural-schema.ts';
import { kubectl } from '../harness/kubectl.ts';
import { createNamespace, type TestNamespace } from '../harness/namespace.ts';
import { verdictCases } from '../testdata/verdicts/all.ts';

const apiVersion = 'talaria.dev/v1alpha1';
const agent = { apiVersion, kind: 'Agent', metadata: { name: 'coder' }, spec: { default: true } };
const route = {
  apiVersion,
  kind: 'Route',
  metadata: { name: 'team' },
  spec: { rules: [{ name: 'chat', matches: [{ chatId: 'a' }], agentRefs: [{ name: 'coder' }] }] },
};
const job = {
  apiVersion,
  kind: 'CronJob',
  metadata: { name: 'report' },
  spec: { schedule: '@daily', agentRef: { name: 'coder' }, prompt: { inline: 'Report.' } },
};

describe('kubectl', () => {
  let namespace: TestNamespace;
  beforeAll(async () => {
    namespace = await createNamespace(inject('kubeconfig'));
    await namespace.apply([agent, route, job]);
  });

  it('lists all three kinds as talaria', async () => {
    const names = await namespace.kubectl(['get', 'talaria', '-o', 'name']);
    expect(names.trim().split('\n').sort()).toEqual([
      'agent.talaria.dev/coder',
      'cronjob.talaria.dev/report',
      'route.talaria.dev/team',
    ]);
  });

  it.each([
    ['tag', ['NAME', 'READY', 'MODEL', 'DEFAULT', 'ROUTES', 'JOBS', 'AGE']],
    ['trt', ['NAME', 'READY', 'RULES', 'AGENTS', 'PRIORITY', 'AGE']],
    ['tcj', ['NAME', 'SCHEDULE', 'TIMEZONE', 'AGENT', 'SUSPEND', 'LAST', 'NEXT', 'READY', 'AGE']],
  ])('shows the columns of %s', async (shortName, columns) => {
    const [head = ''] = (await namespace.kubectl(['get', shortName])).split('\n');
    expect(head.trim().split(/\s+/)).toEqual(columns);
  });

  it('sees nothing changed in a second apply and in a diff, also where lists have defaults', async () => {
    const everything = verdictCases
      .filter(({ title }) => /^every (other )?field/.test(title))
      .map(({ manifest }) => manifest);
    expect(everything.map(({ kind }) => kind).sort()).toEqual(['Agent', 'CronJob', 'Route']);
    await namespace.apply(everything);
    const again = await namespace.apply(everything);
    expect(
      again
        .trim()
        .split('\n')
        .map((line) => line.split(' ').at(-1)),
    ).toEqual(['unchanged', 'unchanged', 'unchanged']);
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: everything });
    expect(await namespace.kubectl(['diff', '-f', '-'], list)).toBe('');
  });

  it('refuses an unknown field', async () => {
    const misspelt = { ...agent, metadata: { name: 'misspelt' }, spec: { instruction: { inline: 'x' } } };
    await expect(namespace.apply([misspelt])).rejects.toThrow(/unknown field "(spec\.)?instruction"/);
  });

  it('shows the cure of a rule', async () => {
    const empty = { ...route, spec: { rules: [{ name: 'chat', matches: [{}], agentRefs: [{ name: 'coder' }] }] } };
    await expect(namespace.apply([empty])).rejects.toThrow(
      /spec.rules\[0\].matches\[0\].*a match must have at least one field; set what/,
    );
  });

  it('explains a field with its bounds and its default', async () => {
    const text = await kubectl(inject('kubeconfig'), ['explain', 'routes.talaria.dev.spec.rules.agentRefs.weight']);
    expect(text.replaceAll(/\s+/g, ' ')).toContain('From 0 to 1000. Default: 1.');
  });
});

describe('the API server', () => {
  it.each(Object.keys(kinds) as Kind[])('serves the schema of %s as it was written', async (kind) => {
    const client = createKubeClient({ kubeconfig: inject('kubeconfig'), fieldManager: 'test' });
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${kinds[kind].plural}.talaria.dev`;
    const crd = (await client.request({ method: 'GET', path })) as Definition;
    await client.close();
    expect(crd.spec.versions[0]?.schema.openAPIV3Schema).toEqual(JSON.parse(JSON.stringify(servedSchema(kind))));
  });

  it('gives a fresh object its defaults, and a status that nobody takes for finished', async () => {
    const { apply, kubectl: run } = await createNamespace(inject('kubeconfig'));
    await apply([agent, job]);
    const stored = JSON.parse(await run(['get', 'agents.talaria.dev', 'coder', '-o', 'json']));
    expect(stored.status).toEqual({ observedGeneration: -1 });
    expect(stored.spec).toMatchObject({ suspend: false, model: { provider: 'echo', name: 'echo', maxRetries: 2 } });
    const storedJob = JSON.parse(await run(['get', 'cronjobs.talaria.dev', 'report', '-o', 'json']));
    expect(storedJob.spec).toMatchObject({
      timeZone: 'UTC',
      concurrencyPolicy: 'Forbid',
      session: { type: 'Isolated' },
    });
  });

  it('keeps the conditions of two field managers apart, and equal statuses change nothing', async () => {
    const namespace = await createNamespace(inject('kubeconfig'));
    await namespace.apply([agent]);
    const managers = ['operator', 'gateway'].map((fieldManager) =>
      createKubeClient({ kubeconfig: inject('kubeconfig'), namespace: namespace.name, fieldManager }),
    );
    const [operator, gateway] = managers;
    if (operator === undefined || gateway === undefined) throw new Error('two clients are needed');
    await operator.applyStatus(agents, statusOf('Ready'));
    await gateway.applyStatus(agents, statusOf('AccountsReady'));
    const before = await gateway.applyStatus(agents, statusOf('AccountsReady'));
    const after = await operator.applyStatus(agents, statusOf('Ready'));
    const { status } = after as unknown as { status: { conditions: { type: string }[] } };
    expect(status.conditions.map(({ type }) => type)).toEqual(['Ready', 'AccountsReady']);
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    await namespace.kubectl(['wait', '--for=condition=Ready', '--timeout=5s', 'agents.talaria.dev/coder']);
    await Promise.all(managers.map((client) => client.close()));
  });
});

interface Definition {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: SchemaNode } }[] };
}

function statusOf(type: string) {
  const condition = { type, status: 'True', reason: 'Test', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  return {
    metadata: { name: 'coder' },
    status: { ...(type === 'Ready' ? { observedGeneration: 1 } : {}), conditions: [condition] },
  };
}
