import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../core/kube/client.ts';
import { KubeError } from '../../core/kube/kube-error.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import { kinds } from '../../crds/common.ts';
import { createNamespace } from '../harness/namespace.ts';
import { verdictCases } from '../testdata/verdicts/all.ts';
import type { Manifest, VerdictCase } from '../testdata/verdicts/case.ts';
import { withDigits } from '../testdata/verdicts/digits.ts';

describe('the API server gives every manifest of the table the verdict of talaria validate', () => {
  let client: KubeClient;
  beforeAll(async () => {
    const { name } = await createNamespace(inject('kubeconfig'));
    client = createKubeClient({ kubeconfig: inject('kubeconfig'), namespace: name, fieldManager: 'verdicts' });
  });
  afterAll(() => client.close());

  it.each(verdictCases)('$kind: $title: $verdict $field', async (one) => {
    if (one.old !== undefined) await store(client, one.old);
    const failure = await store(client, one.manifest).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(outcomeOf(failure, one)).toEqual({ stored: one.verdict !== 'Refused', namesField: true });
  });
});

/** Creates an object, or replaces the one that is there, with the strict check of fields that kubectl asks for. */
async function store(client: KubeClient, manifest: Manifest): Promise<void> {
  const folder = `/apis/talaria.dev/v1alpha1/namespaces/${client.namespace}/${kinds[manifest.kind].plural}`;
  const query = { fieldValidation: 'Strict' };
  const resource = { group: 'talaria.dev', version: 'v1alpha1', kind: manifest.kind, namespaced: true } as const;
  const stored = await client.get({ ...resource, plural: kinds[manifest.kind].plural }, manifest.metadata.name);
  if (stored === undefined) {
    await client.request({ method: 'POST', path: folder, query, body: withDigits(manifest) });
    return;
  }
  const metadata = { ...manifest.metadata, resourceVersion: stored.metadata.resourceVersion };
  const path = `${folder}/${manifest.metadata.name}`;
  await client.request({ method: 'PUT', path, query, body: withDigits({ ...manifest, metadata }) });
}

/** Whether the server took the manifest, and whether its complaint is about the field of the table. */
function outcomeOf(failure: unknown, { field }: VerdictCase): { stored: boolean; namesField: boolean | string } {
  if (failure === undefined) return { stored: true, namesField: true };
  if (!(failure instanceof KubeError)) throw failure;
  const fields = failure.causes.map((cause) => cause.field ?? '');
  const named = fields.includes(field) || failure.message.includes(`unknown field "${field}"`);
  const decoding = failure.message.includes(`struct field ${field.replace('metadata', 'ObjectMeta')} of type`);
  return { stored: false, namesField: named || decoding || `${failure.status}: ${failure.message}` };
}
