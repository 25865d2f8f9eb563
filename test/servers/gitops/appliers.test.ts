import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kstatus } from '../../harness/kstatus.ts';
import type { ProgramError } from '../../harness/run-program.ts';
import { createStage, read, readyAgent, readyRoute, type Stage, type Stored, settled } from '../operator/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage.stop());

const manifests = [manifest('Agent', 'coder', {}), route(['coder']), cronJob('coder')];
const kinds = 'agents.talaria.dev,routes.talaria.dev,cronjobs.talaria.dev';

describe('objects that a program applies', () => {
  it('are not finished for kstatus before the operator has looked, and kubectl wait ends when they are in force', async () => {
    await applyAs('flux', manifests);
    for (const object of await everything()) expect(kstatus(object)).toBe('InProgress');
    const waiting = stage.namespace.kubectl(['wait', '--for=condition=Ready', kinds, '--all', '--timeout=60s']);
    stage.startOperator();
    await stage.startReplica('talaria-gateway-0');
    await waiting;
    for (const object of await everything()) expect(kstatus(object)).toBe('Current');
  });

  it('show no difference afterwards, defaults included', async () => {
    const diff = ['diff', '--server-side', '--field-manager=flux', '-f', '-'];
    expect(await stage.namespace.kubectl(diff, list(manifests))).toBe('');
    const changed = list([manifest('Agent', 'coder', { displayName: 'Coder' })]);
    const found = await stage.namespace.kubectl(diff, changed).catch((error: unknown) => error);
    expect((found as ProgramError).stdout).toContain('+  displayName: Coder');
  });

  it('are not touched by a dry run, which gives the verdict of the API server', async () => {
    const before = await versions();
    const dryRun = ['apply', '--server-side', '--field-manager=flux', '--dry-run=server', '-f', '-'];
    await stage.namespace.kubectl(dryRun, list([manifest('Agent', 'coder', { displayName: 'Coder' })]));
    const refused = stage.namespace.kubectl(dryRun, list([manifest('Route', 'team', { rules: [] })]));
    await expect(refused).rejects.toThrow(/The Route "team" is invalid/);
    expect(await versions()).toEqual(before);
  });

  it('keep their resourceVersion when two appliers say the same again and again', async () => {
    await applyAs('argocd', manifests);
    const before = await versions();
    for (let round = 0; round < 3; round += 1)
      for (const manager of ['flux', 'argocd']) await applyAs(manager, manifests);
    expect(await versions()).toEqual(before);
  });

  it('are shared by owner: appliers have the spec, the operator has fields of status and nothing else', async () => {
    for (const object of await everything()) {
      const owners = managedFields(object);
      expect(
        owners
          .filter(({ subresource }) => subresource === undefined)
          .map(({ manager }) => manager)
          .sort(),
      ).toEqual(['argocd', 'flux']);
      const [operator, ...others] = owners.filter(({ subresource }) => subresource === 'status');
      expect([operator?.manager, others]).toEqual(['talaria-operator', []]);
      expect(Object.keys(operator?.fieldsV1 ?? {})).toEqual(['f:status']);
    }
  });
});

describe('two appliers that do not agree', () => {
  it('are told apart by the API server, which names the first and the field', async () => {
    const other = [manifest('Agent', 'coder', { displayName: 'Coder' })];
    await applyAs('flux', other);
    const refused = applyAs('argocd', [manifest('Agent', 'coder', { displayName: 'Programmer' })]);
    await expect(refused).rejects.toThrow(/conflict with "flux".*displayName/s);
    expect((await read(stage, 'Agent', 'coder')).spec.displayName).toBe('Coder');
  });

  it('may race by force: what was written last is in force, its status is of it, and then nothing more is written', async () => {
    const race = async (manager: string, agents: readonly string[]) => {
      for (const agent of agents) await applyAs(manager, [route([agent])], ['--force-conflicts']);
    };
    await applyAs('flux', [manifest('Agent', 'writer', {})]);
    await settled(stage, 'Agent', 'writer', readyAgent);
    const turns = ['writer', 'coder', 'writer'];
    await Promise.all([race('flux', turns), race('argocd', turns.toReversed())]);
    const { metadata, spec } = await read(stage, 'Route', 'team');
    const after = await settled(stage, 'Route', 'team', readyRoute);
    expect(after.spec).toEqual(spec);
    expect(after.metadata.generation).toBe(metadata.generation);
    const before = await versions();
    await applyAs('flux', [manifest('Agent', 'later', {})]);
    await settled(stage, 'Agent', 'later', readyAgent);
    expect(await versions()).toMatchObject(before);
  });
});

describe('for kstatus on the API server', () => {
  it('an object that is not accepted is Failed, and Current when it is mended', async () => {
    await applyAs('flux', [route(['coder'], { expression: 'chatId ==' })], ['--force-conflicts']);
    const failed = await settled(stage, 'Route', 'team', [
      'Accepted=False InvalidExpression',
      'Programmed=False NotAccepted',
      'Ready=False NotAccepted',
      'ResolvedRefs=True ResolvedRefs',
      'Stalled=True NotAccepted',
    ]);
    expect(kstatus(failed)).toBe('Failed');
    await applyAs('flux', [route(['coder'])], ['--force-conflicts']);
    expect(kstatus(await settled(stage, 'Route', 'team', readyRoute))).toBe('Current');
  });

  it('one whose Agent is missing is InProgress, and Terminating while a finalizer of somebody else holds it', async () => {
    const held = {
      ...route(['nobody'], { chatId: 'c2' }),
      metadata: { name: 'held', finalizers: ['example.com/hold'] },
    };
    await applyAs('flux', [held]);
    const dangling = await settled(stage, 'Route', 'held', [
      'Accepted=True Accepted',
      'Programmed=True Programmed',
      'Ready=False RefsNotResolved',
      'Reconciling=True RefsNotResolved',
      'ResolvedRefs=False AgentNotFound',
    ]);
    expect(kstatus(dangling)).toBe('InProgress');
    await stage.namespace.kubectl(['delete', 'routes.talaria.dev', 'held', '--wait=false']);
    expect(kstatus(await read(stage, 'Route', 'held'))).toBe('Terminating');
    const release = JSON.stringify({ metadata: { finalizers: null } });
    await stage.namespace.kubectl(['patch', 'routes.talaria.dev', 'held', '--type=merge', '-p', release]);
  });
});

function manifest(kind: string, name: string, spec: object) {
  return { apiVersion: 'talaria.dev/v1alpha1', kind, metadata: { name }, spec };
}

function route(agents: readonly string[], match: object = { chatId: 'c1' }) {
  const rules = [{ name: 'rule', matches: [match], agentRefs: agents.map((name) => ({ name })) }];
  return manifest('Route', 'team', { rules });
}

function cronJob(agent: string) {
  return manifest('CronJob', 'digest', {
    schedule: '@daily',
    agentRef: { name: agent },
    prompt: { inline: 'Report.' },
  });
}

function list(items: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

async function applyAs(manager: string, objects: readonly object[], flags: readonly string[] = []): Promise<void> {
  const apply = ['apply', '--server-side', `--field-manager=${manager}`, ...flags, '-f', '-'];
  await stage.namespace.kubectl(apply, list(objects));
}

async function everything(): Promise<readonly Stored[]> {
  const found = await stage.namespace.kubectl(['get', kinds, '-o', 'json', '--show-managed-fields']);
  const { items } = JSON.parse(found) as { items: readonly Stored[] };
  expect(items.length).toBeGreaterThanOrEqual(3);
  return items;
}

async function versions(): Promise<Record<string, string | undefined>> {
  const objects = await everything();
  return Object.fromEntries(objects.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
}

interface ManagedFields {
  readonly manager: string;
  readonly subresource?: string;
  readonly fieldsV1: object;
}

function managedFields({ metadata }: Stored): readonly ManagedFields[] {
  return (metadata.managedFields ?? []) as readonly ManagedFields[];
}
