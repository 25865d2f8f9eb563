import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Replica, read, readyAgent, readyRoute, type Stage, settled } from './stage.ts';

let stage: Stage;
let replica: Replica;

beforeAll(async () => {
  stage = await createStage();
  stage.startOperator();
  replica = await stage.startReplica('talaria-gateway-0');
});
afterAll(() => stage.stop());

const apiVersion = 'talaria.dev/v1alpha1';
const agent = (name: string, spec: object = {}) => ({ apiVersion, kind: 'Agent', metadata: { name }, spec });
const route = (name: string, agentName: string, match: object = { chatId: name }) => ({
  apiVersion,
  kind: 'Route',
  metadata: { name },
  spec: { rules: [{ name: 'rule', matches: [match], agentRefs: [{ name: agentName }] }] },
});
const job = (name: string, agentName: string, spec: object = {}) => ({
  apiVersion,
  kind: 'CronJob',
  metadata: { name },
  spec: { schedule: '@daily', agentRef: { name: agentName }, prompt: { inline: 'Report.' }, ...spec },
});

describe('an empty namespace', () => {
  it('publishes an empty snapshot, so that gateways become ready', async () => {
    const { snapshot } = await waitFor('a snapshot', () => replica.configuration());
    expect(snapshot.content).toMatchObject({ agents: [], routes: [], jobs: [] });
  });
});

describe('an Agent', () => {
  it('is defaulted, served and Ready', async () => {
    await stage.namespace.apply([agent('coder')]);
    const { spec, status } = await settled(stage, 'Agent', 'coder', readyAgent);
    expect(spec).toMatchObject({ model: { provider: 'echo' }, suspend: false, limits: { turnTimeoutSeconds: 600 } });
    expect(status).toMatchObject({ home: '/var/lib/talaria-homes/coder', routes: 0, cronJobs: 0 });
    expect(served().agents.map(({ name, generation }) => [name, generation])).toEqual([['coder', 1]]);
  });

  it('that is edited is served anew, and keeps the time at which it became Ready', async () => {
    const before = await read(stage, 'Agent', 'coder');
    await stage.namespace.apply([agent('coder', { displayName: 'Coder' })]);
    await waitFor('the edit to be served', () => served().agents[0]?.displayName === 'Coder');
    const after = await settled(stage, 'Agent', 'coder', readyAgent);
    expect(after.status.observedGeneration).toBe(2);
    expect(after.status.conditions.every((condition) => condition.observedGeneration === 2)).toBe(true);
    expect(transition(after, 'Accepted')).toBe(transition(before, 'Accepted'));
  });

  it('that is suspended is Ready with the reason Suspended and refuses', async () => {
    await stage.namespace.apply([agent('coder', { suspend: true })]);
    await settled(stage, 'Agent', 'coder', [
      ...readyAgent.filter((each) => !each.startsWith('Ready=')),
      'Ready=True Suspended',
    ]);
    expect(served().agents[0]?.refuse).toBe('agent_suspended');
    await stage.namespace.apply([agent('coder')]);
    await settled(stage, 'Agent', 'coder', readyAgent);
    expect(served().agents[0]?.refuse).toBeUndefined();
  });

  it('that is edited to something not accepted is Stalled, and its last good generation serves', async () => {
    const extra = { model: { provider: 'echo', name: 'echo', parameters: { extra: 'no json' } } };
    await stage.namespace.apply([agent('coder', { displayName: 'Broken', ...extra })]);
    const broken = await settled(stage, 'Agent', 'coder', [
      'Accepted=False InvalidParameters',
      'ProfileReady=True ProfileReady',
      'Programmed=False NotAccepted',
      'Ready=False NotAccepted',
      'ResolvedRefs=True ResolvedRefs',
      'Stalled=True NotAccepted',
    ]);
    expect(served().agents[0]?.displayName).toBeUndefined();
    expect(broken.status.conditions.find(({ type }) => type === 'Accepted')?.message).toMatch(
      /Generation \d+ stays in force/,
    );
    await waitFor('an Event about it', async () =>
      (await stage.namespace.kubectl(['get', 'events'])).includes('InvalidParameters'),
    );
    await stage.namespace.apply([agent('coder')]);
    await settled(stage, 'Agent', 'coder', readyAgent);
  });

  it('that asks to be the default although an older one is says so', async () => {
    await stage.namespace.apply([agent('first', { default: true })]);
    await settled(stage, 'Agent', 'first', readyAgent);
    // Creation times have whole seconds, so the second default is made in a later one.
    const created = Date.parse((await read(stage, 'Agent', 'first')).metadata.creationTimestamp ?? '');
    await waitFor('the next second', () => Date.now() >= created + 1_000);
    await stage.namespace.apply([agent('a-second', { default: true })]);
    await settled(stage, 'Agent', 'a-second', [...readyAgent, 'Shadowed=True AnotherDefault']);
    expect(
      served()
        .agents.filter((each) => each.default)
        .map(({ name }) => name),
    ).toEqual(['first']);

    await stage.namespace.kubectl(['delete', 'agents.talaria.dev', 'first']);
    await settled(stage, 'Agent', 'a-second', readyAgent);
    expect(
      served()
        .agents.filter((each) => each.default)
        .map(({ name }) => name),
    ).toEqual(['a-second']);
  });

  it('with fields that do nothing yet says so and is Ready', async () => {
    await stage.namespace.apply([agent('limited', { tools: { builtin: ['memory'] } })]);
    await settled(stage, 'Agent', 'limited', [...readyAgent, 'Limited=True NotYetImplemented']);
  });
});

describe('a Route', () => {
  it('is defaulted, served and Ready, and the Agent counts it', async () => {
    await stage.namespace.apply([route('team', 'coder')]);
    const { spec, status } = await settled(stage, 'Route', 'team', readyRoute);
    expect(spec).toMatchObject({ priority: 0 });
    expect(status).toMatchObject({ rules: 1, agents: 'coder' });
    expect(served().routes[0]?.rules[0]?.agentRefs).toEqual([{ name: 'coder', weight: 1 }]);
    await waitFor('the Agent to count it', async () => (await read(stage, 'Agent', 'coder')).status.routes === 1);
  });

  it('to an Agent that is missing waits for it, and becomes Ready when the Agent comes', async () => {
    await stage.namespace.apply([route('later', 'newcomer')]);
    await settled(stage, 'Route', 'later', [
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      'Ready=False RefsNotResolved',
      'Reconciling=True RefsNotResolved',
      'ResolvedRefs=False AgentNotFound',
    ]);
    await stage.namespace.apply([agent('newcomer')]);
    await settled(stage, 'Route', 'later', readyRoute);
  });

  it('with an expression that does not parse is not accepted', async () => {
    await stage.namespace.apply([route('bad', 'coder', { expression: 'chatId ==' })]);
    await settled(stage, 'Route', 'bad', [
      'Accepted=False InvalidExpression',
      'Programmed=False NotAccepted',
      'Ready=False NotAccepted',
      'ResolvedRefs=True ResolvedRefs',
      'Stalled=True NotAccepted',
    ]);
    expect(served().routes.map(({ name }) => name)).not.toContain('bad');
  });

  it('that is deleted is gone from what is served', async () => {
    await stage.namespace.kubectl(['delete', 'routes.talaria.dev', 'team']);
    await waitFor('it to be gone', () => !served().routes.some(({ name }) => name === 'team'));
    await waitFor(
      'the Agent to count it no more',
      async () => (await read(stage, 'Agent', 'coder')).status.routes === 0,
    );
  });

  it('that is being deleted is gone, although a foreign finalizer holds the object', async () => {
    const held = route('held', 'coder');
    await stage.namespace.apply([{ ...held, metadata: { name: 'held', finalizers: ['example.com/hold'] } }]);
    await settled(stage, 'Route', 'held', readyRoute);
    await stage.namespace.kubectl(['delete', 'routes.talaria.dev', 'held', '--wait=false']);
    await waitFor('it to be gone', () => !served().routes.some(({ name }) => name === 'held'));
  });
});

describe('a CronJob', () => {
  it('is defaulted, served and Ready', async () => {
    await stage.namespace.apply([job('daily', 'coder')]);
    const { spec } = await settled(stage, 'CronJob', 'daily', readyRoute);
    expect(spec).toMatchObject({ timeZone: 'UTC', concurrencyPolicy: 'Forbid', catchUp: { policy: 'Latest' } });
    expect(served().jobs[0]).toMatchObject({ name: 'daily', agent: 'coder', schedule: '@daily', suspend: false });
  });

  it('takes a new value of run-at, which changes no generation', async () => {
    await stage.namespace.kubectl(['annotate', 'cronjobs.talaria.dev', 'daily', 'talaria.dev/run-at=now']);
    await waitFor('run-at to be served', () => served().jobs[0]?.runAt === 'now');
    expect((await read(stage, 'CronJob', 'daily')).metadata.generation).toBe(1);
  });

  it('whose prompt comes from a ConfigMap follows it, and says when it vanishes', async () => {
    const metadata = { name: 'prompts', labels: { 'talaria.dev/source': 'true' } };
    const configMap = (text: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { daily: text } });
    await stage.namespace.apply([
      configMap('One.'),
      job('sourced', 'coder', { prompt: { configMapKeyRef: { name: 'prompts', key: 'daily' } } }),
    ]);
    await settled(stage, 'CronJob', 'sourced', readyRoute);
    await stage.namespace.apply([configMap('Two.')]);
    await waitFor('the new text', () => Object.values(served().texts).includes('Two.'));
    await stage.namespace.kubectl(['delete', 'configmap', 'prompts']);
    await settled(stage, 'CronJob', 'sourced', [
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      'Ready=False RefsNotResolved',
      'Reconciling=True RefsNotResolved',
      'ResolvedRefs=False ConfigMapNotFound',
    ]);
    expect(served().jobs.find(({ name }) => name === 'sourced')?.unresolved).toBe('ConfigMapNotFound');
  });

  it('keeps the status fields of the gateways, which the operator does not own', async () => {
    const fields = ['patch', 'cronjobs.talaria.dev', 'daily', '--subresource=status', '--type=merge', '-p'];
    await stage.namespace.kubectl([...fields, JSON.stringify({ status: { missedCount: 3 } })]);
    await stage.namespace.apply([job('daily', 'coder', { suspend: true })]);
    const { status } = await settled(stage, 'CronJob', 'daily', [
      ...readyRoute.filter((each) => !each.startsWith('Ready=')),
      'Ready=True Suspended',
    ]);
    expect(status.missedCount).toBe(3);
  });
});

describe('a status that somebody edits', () => {
  it('is put right again', async () => {
    const fields = ['patch', 'agents.talaria.dev', 'coder', '--subresource=status', '--type=merge', '-p'];
    await stage.namespace.kubectl([...fields, JSON.stringify({ status: { conditions: [], routes: 77 } })]);
    const { status } = await settled(stage, 'Agent', 'coder', readyAgent);
    expect(status.routes).toBe(0);
  });
});

function served() {
  const content = replica.configuration()?.snapshot.content;
  if (content === undefined) throw new Error('the replica serves nothing yet');
  return content;
}

function transition(object: Awaited<ReturnType<typeof read>>, type: string): string | undefined {
  return object.status.conditions.find((condition) => condition.type === type)?.lastTransitionTime;
}
