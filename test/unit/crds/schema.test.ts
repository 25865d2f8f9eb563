import { describe, expect, it } from 'vitest';
import { type Kind, kinds } from '../../../crds/common.ts';
import { customResourceDefinition } from '../../../crds/custom-resource.ts';
import { servedSchema } from '../../../crds/served-schema.ts';
import type { SchemaNode } from '../../../crds/structural-schema.ts';

const allKinds = Object.keys(kinds) as Kind[];
const nodes = allKinds.flatMap((kind) => {
  const { spec = {}, status = {} } = servedSchema(kind).properties ?? {};
  return [...walk(`${kind}.spec`, spec), ...walk(`${kind}.status`, status)];
});

describe('the schema of every kind', () => {
  it('is walked whole', () => {
    expect(nodes.length).toBeGreaterThan(250);
  });

  it('has a description on every field, which ends as a sentence', () => {
    expect(where(({ description = '' }) => !/^[A-Z`].*\.$/.test(description))).toEqual([]);
  });

  it('has a type on every field', () => {
    expect(where(({ type }) => type === undefined)).toEqual([]);
  });

  it('bounds every text', () => {
    expect(where(({ type, maxLength, enum: words }) => type === 'string' && !words && !maxLength)).toEqual([]);
  });

  it('bounds every list and says how it is merged', () => {
    const bad = ({ type, maxItems, 'x-kubernetes-list-type': merge }: SchemaNode) =>
      type === 'array' && !(maxItems && merge);
    expect(where(bad)).toEqual([]);
  });

  it('has a required key for every list that is merged by key', () => {
    const bad = ({ items, 'x-kubernetes-list-map-keys': keys = [] }: SchemaNode) =>
      keys.some((key) => !items?.required?.includes(key));
    expect(where(bad)).toEqual([]);
  });

  it('bounds every number on both sides', () => {
    const bad = ({ type, minimum, maximum }: SchemaNode) =>
      (type === 'integer' || type === 'number') && (minimum === undefined || maximum === undefined);
    expect(where(bad)).toEqual([]);
  });

  it('leaves defaults inside lists to the operator', () => {
    const inLists = nodes.filter(([path, node]) => path.includes('[]') && node.default !== undefined);
    expect(inLists.map(([path]) => path)).toEqual([]);
  });

  it('uses CamelCase words, except for the names of platforms, providers, tools and what providers call their settings', () => {
    const lowerCase = where(({ enum: words = [] }) => words.some((word) => !/^[A-Z][A-Za-z]*$/.test(word)));
    expect(lowerCase).toEqual([
      'Agent.spec.model.provider',
      'Agent.spec.model.parameters.reasoningEffort',
      'Agent.spec.model.fallbacks[].provider',
      'Agent.spec.model.fallbacks[].parameters.reasoningEffort',
      'Agent.spec.tools.builtin[]',
      'Agent.spec.accounts[].platform',
      'Agent.spec.accounts[].settings.feishu.domain',
      'Route.spec.rules[].matches[].platform',
      'Route.spec.rules[].matches[].chatType',
    ]);
  });

  it('tells the bounds and the default in the description, which is all that kubectl explain shows', () => {
    const texts = new Map(nodes.map(([path, node]) => [path, node.description]));
    expect(texts.get('Route.spec.priority')).toMatch(/From -1000 to 1000\. Default: 0\.$/);
    expect(texts.get('Route.spec.rules[].agentRefs[].weight')).toMatch(/From 0 to 1000\. Default: 1\.$/);
    expect(texts.get('Route.spec.rules')).toMatch(/1 to 64 entries\.$/);
  });
});

describe('the definition of every kind', () => {
  it.each([
    ['Agent', 'agents', 'tag'],
    ['Route', 'routes', 'trt'],
    ['CronJob', 'cronjobs', 'tcj'],
  ] as const)('%s is %s and %s, in the category talaria, with a status of its own', (kind, plural, shortName) => {
    const { names, versions, scope } = customResourceDefinition(kind).spec;
    expect(names).toMatchObject({ plural, shortNames: [shortName], categories: ['talaria'] });
    expect(scope).toBe('Namespaced');
    expect(versions[0]?.subresources).toEqual({ status: {} });
    expect(versions[0]?.schema.openAPIV3Schema.properties?.status?.default).toEqual({ observedGeneration: -1 });
  });

  it.each([
    ['Agent', ['Ready', 'Model', 'Default', 'Routes', 'Jobs', 'Age']],
    ['Route', ['Ready', 'Rules', 'Agents', 'Priority', 'Age']],
    ['CronJob', ['Schedule', 'Timezone', 'Agent', 'Suspend', 'Last', 'Next', 'Ready', 'Age']],
  ] as const)('%s shows the columns %j', (kind, columns) => {
    const shown = customResourceDefinition(kind).spec.versions[0]?.additionalPrinterColumns ?? [];
    expect(shown.filter(({ priority }) => priority === undefined).map(({ name }) => name)).toEqual(columns);
  });
});

function where(bad: (node: SchemaNode) => boolean): string[] {
  return nodes.filter(([, node]) => bad(node)).map(([path]) => path);
}

function walk(path: string, node: SchemaNode): [string, SchemaNode][] {
  const members = Object.entries(node.properties ?? {}).flatMap(([name, member]) => walk(`${path}.${name}`, member));
  return [[path, node], ...members, ...(node.items === undefined ? [] : walk(`${path}[]`, node.items))];
}
