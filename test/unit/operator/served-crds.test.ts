import { describe, expect, it } from 'vitest';
import { KubeError } from '../../../core/kube/kube-error.ts';
import { kinds } from '../../../crds/common.ts';
import { structuralSchema } from '../../../crds/structural-schema.ts';
import { missingFields } from '../../../operator/served-crds.ts';

/** What the API server says about its schemas; `change` makes them those of another release. */
function serving(change: (schemas: Record<string, Schema>) => void) {
  const schemas = Object.fromEntries(
    (Object.keys(kinds) as (keyof typeof kinds)[]).map((kind) => {
      const schema = structuredClone(structuralSchema(kind)) as unknown as Schema;
      const identity = [{ group: 'talaria.dev', version: 'v1alpha1', kind }];
      return [`dev.talaria.v1alpha1.${kind}`, { ...schema, 'x-kubernetes-group-version-kind': identity }];
    }),
  );
  change(schemas);
  return { request: async () => ({ components: { schemas } }) };
}

interface Schema {
  readonly properties: Record<string, Schema>;
  readonly items?: Schema;
}

const route = 'dev.talaria.v1alpha1.Route';

describe('comparing the CRDs of the cluster with those of this release', () => {
  it('finds nothing missing when they are the same, or newer', async () => {
    expect(await missingFields(serving(() => undefined))).toEqual([]);
    const newer = serving((schemas) => Object.assign(schemas[route]?.properties.spec?.properties ?? {}, { later: {} }));
    expect(await missingFields(newer)).toEqual([]);
  });

  it('names what older ones lack, also inside lists', async () => {
    const older = serving((schemas) => {
      const spec = schemas[route]?.properties.spec?.properties ?? {};
      delete spec.priority;
      delete spec.rules?.items?.properties.session;
    });
    expect(await missingFields(older)).toEqual(['Route: spec.priority', 'Route: spec.rules.session']);
  });

  it('names a kind that is not served, and all of them when none is', async () => {
    expect(await missingFields(serving((schemas) => delete schemas[route]))).toEqual(['Route']);
    const none = {
      request: async () => Promise.reject(new KubeError({ status: 404, reason: 'NotFound', message: '' })),
    };
    expect(await missingFields(none)).toEqual(['Agent', 'Route', 'CronJob']);
  });
});
