import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agents, configMaps, leases, routes } from '../../../core/kube/resources.ts';
import { waitFor } from '../../harness/wait-for.ts';
import {
  createStage,
  type Replica,
  type RunningOperator,
  readyAgent,
  readyRoute,
  type Stage,
  settled,
} from './stage.ts';

/** Two namespaces with the chart in each, whose objects have the same names. */
interface Side {
  readonly stage: Stage;
  readonly operator: RunningOperator;
  readonly replica: Replica;
}

let left: Side;
let right: Side;

beforeAll(async () => {
  [left, right] = await Promise.all([start('left'), start('right')]);
});
afterAll(() => Promise.all([left.stage.stop(), right.stage.stop()]));

describe('two releases in two namespaces of one cluster', () => {
  it('each lead themselves and serve their own objects, although all names are the same', async () => {
    for (const [side, name] of [
      [left, 'left'],
      [right, 'right'],
    ] as const) {
      await settled(side.stage, 'Agent', 'coder', readyAgent);
      await settled(side.stage, 'Route', 'team', readyRoute);
      expect(side.operator.leading()).toBe(true);
      expect(side.replica.configuration()?.snapshot.content.agents).toMatchObject([{ displayName: name }]);
    }
  });

  it('stay as they are, to the last resourceVersion, while the other one changes and goes', async () => {
    const before = await versions(right);
    await left.stage.namespace.apply(world('changed'));
    await waitFor('the change to be served', () => served(left)?.agents[0]?.displayName === 'changed');
    await left.stage.namespace.kubectl(['delete', 'routes.talaria.dev,agents.talaria.dev', '--all']);
    await waitFor('the end of all to be served', () => served(left)?.agents.length === 0);
    await left.replica.stop();
    await left.operator.stop();
    const passes = await right.operator.passes();
    right.operator.reconcileAll();
    await waitFor('another look', async () => (await right.operator.passes()) > passes);
    expect(await versions(right)).toEqual(before);
    expect(served(right)?.agents).toMatchObject([{ displayName: 'right' }]);
  });
});

async function start(displayName: string): Promise<Side> {
  const stage = await createStage();
  const operator = stage.startOperator();
  const replica = await stage.startReplica('talaria-gateway-0');
  await stage.namespace.apply(world(displayName));
  return { stage, operator, replica };
}

function world(displayName: string): object[] {
  const apiVersion = 'talaria.dev/v1alpha1';
  const rule = { name: 'rule', matches: [{ chatId: '1' }], agentRefs: [{ name: 'coder' }] };
  return [
    { apiVersion, kind: 'Agent', metadata: { name: 'coder' }, spec: { displayName } },
    { apiVersion, kind: 'Route', metadata: { name: 'team' }, spec: { rules: [rule] } },
  ];
}

const served = ({ replica }: Side) => replica.configuration()?.snapshot.content;

/** Of all that its operator and its replica write, leases aside: those are renewed, and have one holder. */
async function versions({ stage: { client } }: Side): Promise<readonly (string | undefined)[]> {
  const lists = await Promise.all([agents, routes, configMaps].map((resource) => client.list(resource)));
  const holders = (await client.list(leases)).items.map(({ spec }) => spec?.holderIdentity);
  return [...lists.flatMap(({ items }) => items).map(({ metadata }) => metadata.resourceVersion), ...holders];
}
