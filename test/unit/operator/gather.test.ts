import { describe, expect, it } from 'vitest';
import type { ConfigMap, Secret } from '../../../core/kube/resources.ts';
import type { KubeObject } from '../../../core/kube/types.ts';
import { createGather } from '../../../operator/gather.ts';

/** Copies of a namespace whose content a test sets. */
function setUp() {
  const lists = { Agent: [], Route: [], CronJob: [], secrets: [], configMaps: [] } as Record<string, KubeObject[]>;
  const copy = (name: string) => ({ list: () => lists[name] ?? [] }) as never;
  const declared = { Agent: copy('Agent'), Route: copy('Route'), CronJob: copy('CronJob') };
  return {
    lists,
    gather: createGather({ declared, secrets: copy('secrets'), configMaps: copy('configMaps') }, async () => undefined),
  };
}

const agent = (name: string, fields: Partial<KubeObject['metadata']> = {}, status = {}): KubeObject =>
  ({
    apiVersion: 'talaria.dev/v1alpha1',
    kind: 'Agent',
    metadata: { name, uid: name, generation: 1, ...fields },
    status,
  }) as KubeObject;

describe('gathering a namespace', () => {
  it('gives the same list while nothing changes, and the same value for what did not', async () => {
    const { lists, gather } = setUp();
    lists.Agent = [agent('one'), agent('two')];
    const first = await gather();
    expect((await gather()).agents).toBe(first.agents);
    lists.Agent = [lists.Agent[0] as KubeObject, agent('two', { generation: 2 })];
    const second = await gather();
    expect(second.agents[0]).toBe(first.agents[0]);
    expect(second.agents[1]).not.toBe(first.agents[1]);
  });

  it('takes a change of the status alone for none', async () => {
    const { lists, gather } = setUp();
    lists.Agent = [agent('one', { resourceVersion: '1' })];
    const first = await gather();
    lists.Agent = [agent('one', { resourceVersion: '2' }, { observedGeneration: 1 })];
    expect((await gather()).agents).toBe(first.agents);
  });

  it('takes an object of the same name with another uid for another one', async () => {
    const { lists, gather } = setUp();
    lists.Agent = [agent('one')];
    await gather();
    lists.Agent = [agent('one', { uid: 'other' })];
    expect((await gather()).agents.map(({ uid }) => uid)).toEqual(['other']);
  });

  it('leaves out what is gone or is being deleted', async () => {
    const { lists, gather } = setUp();
    lists.Agent = [agent('one'), agent('two'), agent('three')];
    await gather();
    lists.Agent = [agent('one'), agent('two', { deletionTimestamp: '2026-01-01T00:00:00Z' })];
    expect((await gather()).agents.map(({ name }) => name)).toEqual(['one']);
  });

  it('sees new values of a Secret, and leaves out the shards that the operator itself writes', async () => {
    const { lists, gather } = setUp();
    const labels = { 'talaria.dev/credentials': 'true' };
    const secret = (value: string): Secret => ({ metadata: { name: 'openai', labels }, data: { key: value } });
    lists.secrets = [secret('YQ=='), { metadata: { name: 'talaria-credentials-00', labels } }];
    const first = await gather();
    expect(first.secrets.map(({ name }) => name)).toEqual(['openai']);
    lists.secrets = [secret('YQ==')];
    expect((await gather()).secrets).toBe(first.secrets);
    lists.secrets = [secret('Yg==')];
    expect((await gather()).secrets[0]?.data).toEqual({ key: 'Yg==' });
  });

  it('sees a ConfigMap get and lose its label', async () => {
    const { lists, gather } = setUp();
    const configMap = (source: string): ConfigMap => ({
      metadata: { name: 'texts', labels: { 'talaria.dev/source': source } },
      data: { text: 'Hello.' },
    });
    lists.configMaps = [configMap('false')];
    expect((await gather()).configMaps[0]).toMatchObject({ source: false, data: {} });
    lists.configMaps = [configMap('true')];
    expect((await gather()).configMaps[0]).toMatchObject({ source: true, data: { text: 'Hello.' } });
  });
});
