import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { kubectl } from './kubectl.ts';

/** The folder of the generated CRDs. */
export const crdFolder = path.join(import.meta.dirname, '..', '..', 'charts', 'talaria', 'crds');

/**
 * Applies the CRDs as raw YAML by server-side apply, with the field manager that lets a later `helm install` have them
 * too, and waits until the API server serves them.
 */
export async function applyCrds(kubeconfig: string): Promise<void> {
  const files = (await readdir(crdFolder)).filter((name) => name.endsWith('.yaml'));
  if (files.length === 0) throw new Error(`there are no CRDs in ${crdFolder}: run \`npm run generate\``);
  await kubectl(kubeconfig, ['apply', '--server-side', '--force-conflicts', '--field-manager=helm', '-f', crdFolder]);
  const wait = ['wait', '--for=condition=Established', '--timeout=30s', '-f', crdFolder];
  await kubectl(kubeconfig, wait);
}
