import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import { fieldManagersOf } from '../../../core/kube/field-managers.ts';
import type { SnapshotContent } from '../../../core/snapshot/schema.ts';
import { createConfigurationAudit } from '../../../operator/audit.ts';
import { compile } from '../../../operator/translate/compile.ts';
import { emptyContent } from '../../../operator/translate/published.ts';
import { report } from '../../../operator/translate/report.ts';
import { configuration } from '../../harness/entries.ts';
import { resourcesOf } from './manifests.ts';

const lines: Record<string, unknown>[] = [];
beforeEach(() => {
  lines.length = 0;
});

const log = pino({ level: 'error' }, { write: (line: string) => lines.push(JSON.parse(line)) });
const createAudit = () => createConfigurationAudit({ managersOf: (_, name) => [`author-of-${name}`], log });
const publication = { revision: 'abc', sequence: 7 };

const content = (change: Partial<SnapshotContent> = {}): SnapshotContent => ({
  ...configuration({ agents: [{ name: 'a' }, { name: 'b' }], gatewayKeys: [{ name: 'k', key: 'plain' }] }).snapshot
    .content,
  ...change,
});

it('a change that took effect is recorded with its object, its author and the snapshot, whatever the log level is', () => {
  const before = content();
  const [a, b] = before.agents;
  if (a === undefined || b === undefined) throw new Error('no agents');
  createAudit().published(
    before,
    content({
      agents: [
        { ...a, generation: 2 },
        { ...b, name: 'c', uid: 'c' },
      ],
    }),
    publication,
  );
  const told = lines.map(({ change, cause, kind, name, generation, fieldManagers }) => [
    ...[change, cause, kind, name, generation, fieldManagers],
  ]);
  expect(told).toEqual([
    ['updated', 'spec', 'Agent', 'a', 2, ['author-of-a']],
    ['removed', undefined, 'Agent', 'b', 1, ['author-of-b']],
    ['created', undefined, 'Agent', 'c', 1, ['author-of-c']],
  ]);
  expect(lines[0]).toMatchObject({
    audit: true,
    msg: 'audit',
    event: 'configuration.changed',
    uid: 'uid-a',
    ...publication,
  });
});

it('what is the same is not recorded, also when a new leader reads it anew', () => {
  createAudit().published(content(), structuredClone(content()), publication);
  expect(lines).toEqual([]);
});

it('an object that is the same and refers to something else is recorded as changed by reference', () => {
  const before = content();
  const agents = before.agents.map((agent) => ({
    ...agent,
    model: { ...agent.model, apiKey: `${agent.name}.model.v2` },
  }));
  createAudit().published(before, { ...before, agents }, publication);
  expect(lines.map(({ name, change, cause }) => [name, change, cause])).toEqual([
    ['a', 'updated', 'reference'],
    ['b', 'updated', 'reference'],
  ]);
});

it('an object that was deleted and made again under its name is two', () => {
  const before = content();
  const agents = before.agents.map((agent) => (agent.name === 'b' ? { ...agent, uid: 'another' } : agent));
  createAudit().published(before, { ...before, agents }, publication);
  expect(lines.map(({ uid, change }) => [uid, change])).toEqual([
    ['uid-b', 'removed'],
    ['another', 'created'],
  ]);
});

it('a generation that is refused is recorded once, with the reason, and nothing of its content', async () => {
  const marker = 'marker-of-content';
  const route = {
    apiVersion: 'talaria.dev/v1alpha1',
    kind: 'Route',
    metadata: { name: 'team' },
    spec: { rules: [{ name: 'rule', matches: [{ expression: `chatId == ${marker}(` }], agentRefs: [{ name: 'x' }] }] },
  };
  const { objects } = report(compile(await resourcesOf([route]), { content: emptyContent, versionKey: 'test' }));
  const audit = createAudit();
  audit.reported(objects);
  audit.reported(objects);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    event: 'configuration.refused',
    kind: 'Route',
    name: 'team',
    fieldManagers: ['author-of-team'],
  });
  expect(lines[0]?.reason).toMatch(/^[A-Z]\w+$/);
  expect(JSON.stringify(lines)).not.toContain(marker);
  audit.reported(objects.map((each) => ({ ...each, generation: each.generation + 1 })));
  expect(lines).toHaveLength(2);
});

it('the authors of an object are those of its fields, without those of its status, the latest last and at most eight', () => {
  const wrote = (manager: string, time: string, subresource?: string) => ({
    manager,
    time: `2026-01-0${time}T00:00:00Z`,
    ...(subresource === undefined ? {} : { subresource }),
  });
  const managers = (...managedFields: ReturnType<typeof wrote>[]) => fieldManagersOf({ name: 'a', managedFields });
  expect(managers(wrote('kubectl', '3'), wrote('argocd', '1'), wrote('talaria-operator', '2', 'status'))).toEqual([
    'argocd',
    'kubectl',
  ]);
  expect(managers(wrote('b', '1'), wrote('a', '2'), wrote('b', '3'))).toEqual(['a', 'b']);
  expect(fieldManagersOf({ name: 'a' })).toEqual([]);
  const many = Array.from({ length: 30 }, (_, at) => ({
    manager: `m${at}`.padEnd(500, 'x'),
    time: `2026-01-01T00:00:${String(at).padStart(2, '0')}Z`,
  }));
  const kept = fieldManagersOf({ name: 'a', managedFields: many });
  expect([kept.length, kept.at(-1)?.slice(0, 3), Math.max(...kept.map(({ length }) => length))]).toEqual([
    8,
    'm29',
    128,
  ]);
});
