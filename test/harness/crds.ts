import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { kubectl } from './kubectl.ts';

/** The folder of the generated CRDs. */
export const crdFolder = join(import.meta.dirname, '..', '..', 'charts', 'talaria', 'crds');

/** Applies the CRDs as raw YAML by server-side apply and waits until the API server serves them. */
export async function applyCrds(kubeconfig: string): Promise<void> {
  const files = (await readdir(crdFolder).catch(() => [])).filter((name) => name.endsWith('.yaml'));
  if (files.length === 0) {
    process.stderr.write(`there are no CRDs in ${crdFolder}: run \`npm run generate\`\n`);
    return;
  }
  await kubectl(kubeconfig, ['apply', '--server-side', '--force-conflicts', '-f', crdFolder]);
  const wait = ['wait', '--for=condition=Established', '--timeout=30s', '-f', crdFolder];
  await kubectl(kubeconfig, wait);
}
