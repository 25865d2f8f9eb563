import { expect, it } from 'vitest';
import type { Agent } from '../../../../crds/agent.ts';
import type { Declared, Resources } from '../../../../operator/resources.ts';
import { compile } from '../../../../operator/translate/compile.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { report } from '../../../../operator/translate/report.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';

const agent = (name: string, displayName: string): Manifest => ({
  kind: 'Agent',
  metadata: { name },
  spec: { displayName },
});

/** What a look at the model of the next generation runs into. */
function broken(declared: Declared<Agent>): Declared<Agent> {
  const spec = {
    get model(): never {
      throw new TypeError('cannot read "sk-secret"');
    },
  };
  return { ...declared, generation: 2, spec: spec as unknown as Agent['spec'] };
}

async function afterFault(): Promise<{ before: Resources; after: Resources }> {
  const before = await resourcesOf([agent('bad', 'one'), agent('good', 'one')]);
  const changed = await resourcesOf([agent('bad', 'two'), agent('good', 'two')]);
  return { before, after: { ...changed, agents: changed.agents.map((it) => (it.name === 'bad' ? broken(it) : it)) } };
}

it('an object on which the operator itself fails keeps its last good entry and says so, and all others go on', async () => {
  const { before, after } = await afterFault();
  const first = compile(before, { content: emptyContent, versionKey: 'key' });
  const second = compile(after, { content: first.content, versionKey: 'key' }, first);
  expect(second.content.agents.map(({ name, displayName }) => [name, displayName])).toEqual([
    ['bad', 'one'],
    ['good', 'two'],
  ]);
  const [bad] = report(second).objects;
  expect(bad?.verdicts[0]).toMatchObject({ type: 'Accepted', status: 'False', reason: 'OperatorFault', generation: 2 });
  expect(bad?.verdicts[0]?.message).toContain('Generation 1 stays in force.');
});

it('the place is there for the log, without what the error says, and is the same from pass to pass', async () => {
  const { after } = await afterFault();
  const first = compile(after, { content: emptyContent, versionKey: 'key' });
  expect(first.content.agents.map(({ name }) => name)).toEqual(['good']);
  const { rejection } = first.agents[0] ?? {};
  expect(rejection?.fault).toMatch(/^TypeError\n +at .*fault\.test\.ts/);
  expect(JSON.stringify(rejection)).not.toContain('sk-secret');
  const second = compile({ ...after, configMaps: [] }, { content: first.content, versionKey: 'key' }, first);
  expect(second.agents[0]).toBe(first.agents[0]);
});

it('an object on which the deciding of its status fails takes no other status with it', async () => {
  const compilation = compile(await resourcesOf([agent('bad', 'one'), agent('good', 'one')]), {
    content: emptyContent,
    versionKey: 'key',
  });
  const agents = compilation.agents.map((settled) => (settled.declared.name === 'bad' ? unsayable(settled) : settled));
  const { objects, unreported } = report({ ...compilation, agents });
  expect(objects.map(({ key }) => key)).toEqual(['Agent/good']);
  expect(unreported).toMatchObject([
    { key: 'Agent/bad', fault: expect.stringMatching(/^TypeError\n +at .*fault\.test\.ts/) },
  ]);
  expect(JSON.stringify(unreported)).not.toContain('sk-secret');
});

/** What every look at the problems of its references runs into. */
function unsayable<S extends object>(settled: S): S {
  return Object.defineProperty({ ...settled }, 'about', {
    get: () => {
      throw new TypeError('cannot read "sk-secret"');
    },
  });
}
