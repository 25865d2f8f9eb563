import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { createStage, type Stage } from './stage.ts';

const lines: Record<string, unknown>[] = [];
const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
let stage: Stage;

beforeAll(async () => {
  stage = await createStage();
  stage.startOperator({ log });
});
afterAll(() => stage.stop());

const record = (fields: Record<string, unknown>) =>
  waitFor(`a record with ${JSON.stringify(fields)}`, () =>
    lines.find((line) => line.audit === true && Object.entries(fields).every(([name, value]) => line[name] === value)),
  );

const manifest = (kind: string, name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'talaria.dev/v1alpha1', kind, metadata: { name }, spec });

const applyAs = (manager: string, text: string) =>
  stage.namespace.kubectl(
    ['apply', '--server-side', '--force-conflicts', `--field-manager=${manager}`, '-f', '-'],
    text,
  );

it('records who applied what took effect, what was refused, and what was removed', async () => {
  await applyAs('argocd', manifest('Agent', 'clerk', {}));
  const created = await record({ event: 'configuration.changed', change: 'created', kind: 'Agent', name: 'clerk' });
  expect(created).toMatchObject({ generation: 1, fieldManagers: ['argocd'], sequence: expect.any(Number) });

  await applyAs('jane', manifest('Agent', 'clerk', { displayName: 'The clerk' }));
  const updated = await record({ change: 'updated', kind: 'Agent', name: 'clerk' });
  expect(updated).toMatchObject({ uid: created.uid, generation: 2, cause: 'spec' });
  expect(updated.fieldManagers).toEqual(expect.arrayContaining(['argocd', 'jane']));
  expect(updated.fieldManagers).not.toContain('talaria-operator');

  const broken = { rules: [{ name: 'rule', matches: [{ expression: 'chatId ==' }], agentRefs: [{ name: 'clerk' }] }] };
  await applyAs('jane', manifest('Route', 'team', broken));
  expect(await record({ event: 'configuration.refused', kind: 'Route', name: 'team' })).toMatchObject({
    ...{ generation: 1, fieldManagers: ['jane'], reason: expect.stringMatching(/^[A-Z]\w+$/) },
  });

  await stage.namespace.kubectl(['delete', 'agents.talaria.dev', 'clerk']);
  await record({ change: 'removed', kind: 'Agent', name: 'clerk', uid: created.uid });
});
