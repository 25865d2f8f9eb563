import { describe, expect, it } from 'vitest';
import { type Kind, kinds } from '../../../crds/common.ts';
import { limitedFields, limitedRows } from '../../../crds/limited.ts';
import { apiReference } from '../../../crds/reference.ts';
import { servedSchema } from '../../../crds/served-schema.ts';
import { nodeAt, type SchemaNode, structuralSchema } from '../../../crds/structural-schema.ts';
import { verdict } from '../../../crds/verdict.ts';
import { actedOn } from '../../testdata/acted-on.ts';
import { verdictCases } from '../../testdata/verdicts/all.ts';

const rows = (Object.keys(kinds) as Kind[]).flatMap((kind) => limitedRows[kind].map(({ field }) => ({ kind, field })));

describe('fields that are stored and not acted on', () => {
  it.each(rows)('$kind $field is a field of the schema', ({ kind, field }) => {
    expect(nodeAt(structuralSchema(kind), field).type).toBeDefined();
  });

  it.each(rows)('$kind $field: its description in the CRD says so', ({ kind, field }) => {
    expect(nodeAt(servedSchema(kind), field).description).toContain('not acted on by this version');
  });

  it.each(rows)('$kind $field: the reference of the API says so', ({ kind, field }) => {
    const part = apiReference()
      .split(/^## /m)
      .find((text) => text.startsWith(`${kind}\n`));
    const name = field.replace(/\[\]$/, '').split('.').at(-1) ?? '';
    const told = part
      ?.split('\n')
      .filter((line) => new RegExp(`^\\| \\*{0,2}([\\w.]+\\.)?\\*{0,2}${name}\\*{0,2} \\|`).test(line));
    expect(told?.some((line) => line.includes('not acted on by this version'))).toBe(true);
  });

  it('are not named while they have their default', async () => {
    expect(
      await limitedOf('Agent', { model: { provider: 'echo', name: 'echo' }, skills: [], tools: { maxSteps: 16 } }),
    ).toEqual([]);
  });

  it('are named when they are set, with their place in a list', async () => {
    const rule = { matches: [{ chatId: 'a' }], agentRefs: [{ name: 'a' }] };
    const spec = {
      rules: [
        { ...rule, name: 'one' },
        { ...rule, name: 'two', matches: [{ chatId: 'a' }, { guildId: 'g' }] },
      ],
    };
    expect(await limitedOf('Route', spec)).toEqual(['spec.rules[1].matches[1].guildId']);
  });

  it('are named unless they have the one value that works', async () => {
    const spec = (...matches: object[]) => ({ rules: [{ name: 'rule', matches, agentRefs: [{ name: 'a' }] }] });
    const works = { platform: 'api', chatType: 'direct', chatId: 'a', threadId: 'b', userId: 'c', model: 'm' };
    expect(await limitedOf('Route', spec(works))).toEqual([]);
    expect(await limitedOf('Route', spec(works, { platform: 'slack', chatType: 'group', guildId: 'g' }))).toEqual([
      'spec.rules[0].matches[1].platform',
      'spec.rules[0].matches[1].chatType',
      'spec.rules[0].matches[1].guildId',
    ]);
  });

  it.each(rows)('$kind $field: a manifest of the table sets it and is told so', async ({ kind, field }) => {
    const accepted = verdictCases.filter((one) => one.kind === kind && one.verdict === 'Accepted');
    const objects = await Promise.all(accepted.map(({ manifest }) => verdict(manifest)));
    const named = objects.flatMap(({ object }) => (object === undefined ? [] : limitedFields(object)));
    expect(named.map((name) => name.replaceAll(/\[\d+\]/g, '[]').replace(/ \(.*/, ''))).toContain(field);
  });
});

describe.each(Object.keys(kinds) as Kind[])('every field of the spec of %s', (kind) => {
  const whole = limitedRows[kind].filter(({ except }) => except === undefined);
  const inert = (field: string) =>
    whole.some((row) => field === row.field || field.startsWith(`${row.field}.`) || field.startsWith(`${row.field}[]`));
  const fields = leavesOf('spec', nodeAt(structuralSchema(kind), 'spec'));

  it('is acted on, or listed as one that is not', () => {
    expect(fields.filter((field) => !inert(field))).toEqual(actedOn[kind]);
  });

  it('that is inert with some values only is acted on with the others', () => {
    const partly = limitedRows[kind].filter((row) => !whole.includes(row)).map(({ field }) => field);
    for (const field of partly)
      expect(
        actedOn[kind].some((acted) => acted.startsWith(field)),
        field,
      ).toBe(true);
  });
});

function leavesOf(path: string, { properties, items }: SchemaNode): string[] {
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, member]) => leavesOf(`${path}.${name}`, member));
  }
  return items === undefined ? [path] : leavesOf(`${path}[]`, items);
}

async function limitedOf(kind: Kind, spec: object): Promise<readonly string[]> {
  const { object } = await verdict({ apiVersion: 'talaria.dev/v1alpha1', kind, metadata: { name: 'a' }, spec });
  if (object === undefined) throw new Error('the test needs an object that is not refused');
  return limitedFields(object);
}
