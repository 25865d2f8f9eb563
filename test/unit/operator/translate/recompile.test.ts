import { describe, expect, it } from 'vitest';
import type { Resources } from '../../../../operator/resources.ts';
import { compile } from '../../../../operator/translate/compile.ts';
import { emptyContent, type Published } from '../../../../operator/translate/published.ts';
import { recompile } from '../../../../operator/translate/recompile.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';

const versionKey = 'recompile';
const nothing: Published = { content: emptyContent, versionKey };

const agent: Manifest = { kind: 'Agent', metadata: { name: 'a' }, spec: { model: { provider: 'echo', name: 'echo' } } };

/** A Route of rules that have only an expression. */
function route(name: string, expressions: number, generation = 1): Manifest {
  const rules = Array.from({ length: expressions }, (_, at) => ({
    name: `rule-${at}`,
    matches: [{ expression: `chatId == "${generation}-${at}"` }],
    agentRefs: [{ name: 'a' }],
  }));
  return { kind: 'Route', metadata: { name, generation }, spec: { rules } };
}

async function world() {
  const resources = await resourcesOf([agent, route('one', 1), route('two', 1)]);
  const before = compile(resources, nothing);
  return { resources, before, published: { content: before.content, versionKey } };
}

/** The resources with one Route in another generation. */
async function changed(resources: Resources, manifest: Manifest): Promise<Resources> {
  const [declared] = (await resourcesOf([manifest])).routes;
  if (declared === undefined) throw new Error('the manifest is no Route');
  return { ...resources, routes: resources.routes.map((old) => (old.name === declared.name ? declared : old)) };
}

describe('recompile', () => {
  it('compiles the Route that changed, and takes over all the rest as it is', async () => {
    const { resources, before, published } = await world();
    const next = await changed(resources, route('two', 2, 2));
    const result = recompile(next, published, before);
    expect(result).toEqual(compile(next, published));
    expect(result?.content.routes[0]).toBe(before.content.routes[0]);
    expect(result?.content.agents).toBe(before.content.agents);
  });

  it('gives the same compilation when nothing changed', async () => {
    const { resources, before, published } = await world();
    expect(recompile({ ...resources }, published, before)).toBe(before);
  });

  it('leaves a Route that comes or goes to compile', async () => {
    const { resources, before, published } = await world();
    const more = await resourcesOf([route('three', 1)]);
    expect(
      recompile({ ...resources, routes: [...resources.routes, ...more.routes] }, published, before),
    ).toBeUndefined();
    expect(recompile({ ...resources, routes: resources.routes.slice(1) }, published, before)).toBeUndefined();
    expect(recompile({ ...resources, routes: [resources.routes[0], ...more.routes] as never }, published, before)).toBe(
      undefined,
    );
  });

  it.each(['agents', 'cronJobs', 'secrets', 'configMaps'] as const)('leaves changed %s to compile', async (kind) => {
    const { resources, before, published } = await world();
    expect(recompile({ ...resources, [kind]: [...resources[kind]] }, published, before)).toBeUndefined();
  });

  it('starts from nothing but what is published, under the same key', async () => {
    const { resources, before, published } = await world();
    expect(recompile(resources, published, undefined)).toBeUndefined();
    expect(recompile(resources, { ...published, content: { ...before.content } }, before)).toBeUndefined();
    expect(recompile(resources, { ...published, versionKey: 'another' }, before)).toBeUndefined();
  });

  it('leaves a Route that has no room to compile, counted over several changes', async () => {
    const { resources, before, published } = await world();
    const half = await changed(resources, route('one', 60, 2));
    const first = recompile(half, published, before);
    expect(first?.basis).toEqual(compile(half, published).basis);
    const full = await changed(half, route('two', 60, 2));
    expect(recompile(full, { content: first?.content ?? emptyContent, versionKey }, first)).toBeUndefined();
  });

  it('leaves everything to compile while a budget is short', async () => {
    const { resources } = await world();
    const short = await changed(await changed(resources, route('one', 60, 2)), route('two', 60, 2));
    const before = compile(short, nothing);
    expect(before.basis.spare).toBeUndefined();
    const next = await changed(short, route('two', 1, 3));
    expect(recompile(next, { content: before.content, versionKey }, before)).toBeUndefined();
  });
});
