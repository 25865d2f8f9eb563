import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leases } from '../../../core/kube/resources.ts';
import { waitFor } from '../../harness/wait-for.ts';
import {
  createStage,
  type Replica,
  type RunningOperator,
  read,
  readyRoute,
  type Stage,
  settled,
  short,
} from './stage.ts';

let stage: Stage;
let operator: RunningOperator;
let first: Replica;
let second: Replica;

beforeAll(async () => {
  stage = await createStage();
  operator = stage.startOperator();
  await stage.namespace.apply([{ apiVersion: 'talaria.dev/v1alpha1', kind: 'Agent', metadata: { name: 'coder' } }]);
});
afterAll(() => stage.stop());

const route = (name: string, priority = 0) => ({
  apiVersion: 'talaria.dev/v1alpha1',
  kind: 'Route',
  metadata: { name },
  spec: { priority, rules: [{ name: 'rule', matches: [{ chatId: name }], agentRefs: [{ name: 'coder' }] }] },
});
const unprogrammed = (reason: string) => [
  'Accepted=True Accepted',
  `Programmed=False ${reason}`,
  'Ready=False NotProgrammed',
  'Reconciling=True NotProgrammed',
  'ResolvedRefs=True ResolvedRefs',
];

describe('Programmed', () => {
  it('is False with the reason NoGateway while no gateway was ever there', async () => {
    await stage.namespace.apply([route('early')]);
    await settled(stage, 'Route', 'early', unprogrammed('NoGateway'));
  });

  it('becomes True when a gateway comes and acknowledges', async () => {
    first = await stage.startReplica('talaria-gateway-0');
    await settled(stage, 'Route', 'early', readyRoute);
  });

  it('waits for every live gateway', async () => {
    second = await stage.startReplica('talaria-gateway-1');
    await waitFor('the second to serve', () => second.configuration());
    await waitFor('both to have acknowledged', async () => (await acknowledgements()).length === 2);
    await second.freeze();
    await stage.namespace.apply([route('late')]);
    await settled(stage, 'Route', 'late', unprogrammed('Pending'));
    expect(first.configuration()?.snapshot.content.routes.map(({ name }) => name)).toContain('late');
  });

  it('is not taken back from what has it when a gateway lags', async () => {
    expect(short(await read(stage, 'Route', 'early'))).toEqual(readyRoute.toSorted());
  });

  it('becomes True when the gateway that lags goes', async () => {
    await second.stop();
    await settled(stage, 'Route', 'late', readyRoute);
  });

  it('is not taken back when all gateways go, nor by a restart of the operator', async () => {
    const before = await read(stage, 'Route', 'late');
    await first.stop();
    await operator.stop();
    operator = stage.startOperator({ podName: 'talaria-operator-1' });
    await stage.namespace.apply([route('orphan')]);
    await settled(stage, 'Route', 'orphan', unprogrammed('NoGateway'));
    expect(await read(stage, 'Route', 'late')).toEqual(before);
  });

  it('begins anew with a new generation', async () => {
    await stage.namespace.apply([route('late', 1)]);
    await settled(stage, 'Route', 'late', unprogrammed('NoGateway'));
    first = await stage.startReplica('talaria-gateway-2');
    await settled(stage, 'Route', 'late', readyRoute);
  });
});

async function acknowledgements(): Promise<readonly string[]> {
  const { items } = await stage.client.list(leases);
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('talaria-gateway-'));
}
