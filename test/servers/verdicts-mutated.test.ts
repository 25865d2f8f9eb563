import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createKubeClient } from '../../core/kube/client.ts';
import { KubeError } from '../../core/kube/kube-error.ts';
import type { KubeClient } from '../../core/kube/types.ts';
import { kinds } from '../../crds/common.ts';
import { verdict } from '../../crds/verdict.ts';
import { createNamespace } from '../harness/namespace.ts';
import { verdictCases } from '../testdata/verdicts/all.ts';
import type { Manifest } from '../testdata/verdicts/case.ts';
import { mutated, seeded } from '../testdata/verdicts/mutate.ts';

const seed = 20_261_121;
const count = 1500;

let client: KubeClient;
beforeAll(async () => {
  const { name } = await createNamespace(inject('kubeconfig'));
  client = createKubeClient({ kubeconfig: inject('kubeconfig'), namespace: name, fieldManager: 'verdicts' });
});
afterAll(() => client.close());

it('the API server and talaria validate agree, and name the same fields, on manifests with one thing changed at random', async () => {
  const random = seeded(seed);
  const sound = verdictCases.filter((one) => one.verdict !== 'Refused' && JSON.stringify(one.manifest).length < 5000);
  const differences: string[] = [];
  let refusals = 0;
  for (let i = 0; i < count; i++) {
    const one = sound[random(sound.length)];
    if (one === undefined) throw new Error('the table has no sound manifest');
    const { manifest, change } = mutated(one.manifest, random);
    const { verdict: outcome, problems } = await verdict(manifest);
    const ours = outcome === 'Refused' ? problems.map(({ path }) => path) : [];
    const theirs = await refusedFields(manifest);
    if (ours.length > 0) refusals += 1;
    if (!agree(ours, theirs))
      differences.push(`${one.kind} "${one.title}", ${change}: ${ours} but the server: ${theirs}`);
  }
  expect(differences).toEqual([]);
  expect(refusals).toBeGreaterThan(count / 3);
  expect(refusals).toBeLessThan(count);
});

/** The fields that the API server complains about; none when it would store the manifest. Nothing is stored. */
async function refusedFields(manifest: Manifest): Promise<string[]> {
  const path = `/apis/talaria.dev/v1alpha1/namespaces/${client.namespace}/${kinds[manifest.kind].plural}`;
  try {
    await client.request({ method: 'POST', path, query: { fieldValidation: 'Strict', dryRun: 'All' }, body: manifest });
    return [];
  } catch (error) {
    if (!(error instanceof KubeError) || error.status < 400) throw error;
    const unknown = [...error.message.matchAll(/unknown field "([^"]+)"/g)].map(([, field = '']) => field);
    const invalid = error.causes.map(({ field = '' }) => field).filter((field) => field !== '<nil>');
    return [...unknown, ...invalid];
  }
}

/**
 * Both find the same fault, though one may find more: of an object in the place of a text the server names the members,
 * which it does not know; and what is unknown it tells before anything else.
 */
function agree(ours: readonly string[], theirs: readonly string[]): boolean {
  if (ours.length === 0 || theirs.length === 0) return ours.length === theirs.length;
  return theirs.some((field) => ours.some((known) => field === known || field.startsWith(`${known}.`)));
}
