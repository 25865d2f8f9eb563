import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { declare, declareConfigMap, declareSecret } from '../../../operator/declare.ts';

describe('what the operator reads of an object', () => {
  it('has every default and no unknown field', async () => {
    const { spec } = await declare('Agent', {
      metadata: { name: 'coder' },
      apiVersion: 'talaria.dev/v1alpha1',
      kind: 'Agent',
      spec: { future: 1 },
    } as never);
    expect(spec).toMatchObject({ suspend: false, model: { provider: 'echo' } });
    expect(spec).not.toHaveProperty('future');
  });

  it('is never an exception, whatever somebody stored', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('Agent', 'Route', 'CronJob' as const), fc.jsonValue(), async (kind, spec) => {
        const metadata = { name: 'any', uid: 'uid', generation: 2 };
        const declared = await declare(kind, { apiVersion: 'talaria.dev/v1alpha1', kind, metadata, spec } as never);
        expect(declared.spec === undefined).toBe(declared.rejection?.reason === 'InvalidSpec');
        expect(declared).toMatchObject({ name: 'any', uid: 'uid', generation: 2 });
      }),
    );
  });

  it('says that an object is suspended also when the rest of it cannot be read', async () => {
    const broken = {
      apiVersion: 'talaria.dev/v1alpha1',
      kind: 'CronJob',
      metadata: { name: 'daily' },
      spec: { suspend: true },
    };
    expect(await declare('CronJob', broken)).toMatchObject({
      spec: undefined,
      suspend: true,
      rejection: { reason: 'InvalidSpec' },
    });
  });

  it('holds no value of a Secret or ConfigMap that nobody gave to Talaria', () => {
    const data = { key: 'dmFsdWU=' };
    expect(declareSecret({ metadata: { name: 'foreign' }, data }).data).toEqual({});
    expect(declareConfigMap({ metadata: { name: 'foreign' }, data }).data).toEqual({});
    for (const label of ['talaria.dev/credentials', 'talaria.dev/gateway-key']) {
      expect(declareSecret({ metadata: { name: 'given', labels: { [label]: 'true' } }, data }).data).toEqual(data);
      expect(declareSecret({ metadata: { name: 'no', labels: { [label]: 'false' } }, data }).data).toEqual({});
    }
  });

  it('cannot be changed by whoever gets it', async () => {
    const declared = await declare('Agent', {
      apiVersion: 'talaria.dev/v1alpha1',
      kind: 'Agent',
      metadata: { name: 'coder' },
    });
    expect(Object.isFrozen(declared.spec?.model)).toBe(true);
  });
});
