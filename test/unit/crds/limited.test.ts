import { describe, expect, it } from 'vitest';
import { type Kind, kinds } from '../../../crds/common.ts';
import { limitedFields, limitedRows } from '../../../crds/limited.ts';
import { nodeAt, structuralSchema } from '../../../crds/structural-schema.ts';
import { verdict } from '../../../crds/verdict.ts';
import { verdictCases } from '../../testdata/verdicts/all.ts';

const rows = (Object.keys(kinds) as Kind[]).flatMap((kind) => limitedRows[kind].map(({ field }) => ({ kind, field })));

describe('fields that are stored and not acted on', () => {
  it.each(rows)('$kind $field is a field of the schema', ({ kind, field }) => {
    expect(nodeAt(structuralSchema(kind), field).type).toBeDefined();
  });

  it('are not named while they have their default', async () => {
    expect(
      await limitedOf('Agent', { model: { provider: 'echo', name: 'echo' }, skills: [], tools: { maxSteps: 16 } }),
    ).toEqual([]);
  });

  it('are named when they are set, with their place in a list', async () => {
    const session = { scope: 'User' };
    const rule = { matches: [{ chatId: 'a' }], agentRefs: [{ name: 'a' }] };
    const spec = {
      rules: [
        { ...rule, name: 'one' },
        { ...rule, name: 'two', session },
      ],
    };
    expect(await limitedOf('Route', spec)).toEqual(['spec.rules[1].session']);
  });

  it('are named by one of their values where the others work', async () => {
    const model = { name: 'm', apiKeySecretRef: { name: 'key' } };
    expect(await limitedOf('Agent', { model: { ...model, provider: 'anthropic' } })).toEqual(['spec.model.provider']);
    expect(await limitedOf('Agent', { model: { ...model, provider: 'openai' } })).toEqual([]);
  });

  it.each(rows)('$kind $field: a manifest of the table sets it and is told so', async ({ kind, field }) => {
    const accepted = verdictCases.filter((one) => one.kind === kind && one.verdict === 'Accepted');
    const objects = await Promise.all(accepted.map(({ manifest }) => verdict(manifest)));
    const named = objects.flatMap(({ object }) => (object === undefined ? [] : limitedFields(object)));
    expect(named.map((name) => name.replaceAll(/\[\d+\]/g, '[]'))).toContain(field);
  });
});

async function limitedOf(kind: Kind, spec: object): Promise<readonly string[]> {
  const { object } = await verdict({ apiVersion: 'talaria.dev/v1alpha1', kind, metadata: { name: 'a' }, spec });
  if (object === undefined) throw new Error('the test needs an object that is not refused');
  return limitedFields(object);
}
