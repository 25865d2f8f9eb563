import path from 'node:path';
import { cacheFolder, fillOnce, holdsAll } from './binary-cache.ts';
import { controllerManagerTools, controlPlaneTools, helmTools, system, type Tools } from './binary-sources.ts';
import { goBuild } from './go-build.ts';

/** Paths of the programs of a control plane. */
export interface ControlPlaneBinaries {
  readonly kubeApiserver: string;
  readonly etcd: string;
  readonly kubectl: string;
}

const found = new Map<string, Promise<string>>();

/**
 * kube-apiserver, etcd and kubectl of the Kubernetes version that the tests run on, from the first of: the folder
 * KUBEBUILDER_ASSETS; our cache, then setup-envtest's; the envtest archive; a build from Go modules. Rejects with all
 * ways and why each failed when none works.
 */
export async function controlPlaneBinaries(): Promise<ControlPlaneBinaries> {
  const folder = await provide(controlPlaneTools);
  return {
    kubeApiserver: path.join(folder, 'kube-apiserver'),
    etcd: path.join(folder, 'etcd'),
    kubectl: path.join(folder, 'kubectl'),
  };
}

/** kube-controller-manager, which the envtest archive lacks: the same order, with its own release. */
export async function kubeControllerManagerBinary(): Promise<string> {
  return path.join(await provide(controllerManagerTools), 'kube-controller-manager');
}

/** helm 3.18 or newer from the PATH, else the version of the tests: our cache, its release archive, Go modules. */
export async function helmBinary(): Promise<string> {
  return path.join(await provide(helmTools), 'helm');
}

async function provide(tools: Tools): Promise<string> {
  const known = found.get(tools.name) ?? search(tools);
  found.set(tools.name, known);
  return known;
}

async function search(tools: Tools): Promise<string> {
  const cached = path.join(cacheFolder(), tools.name, `${tools.version}-${system}`);
  for (const folder of await tools.folders(cached)) {
    if (folder && (await holdsAll(folder, tools.files))) return folder;
  }
  await fillOnce(cached, tools.files, (folder) => fill(tools, folder, cached));
  return cached;
}

async function fill(tools: Tools, folder: string, cached: string): Promise<void> {
  const names = tools.files.join(', ');
  const downloadFailure = await failureOf(() => tools.download(folder));
  if (downloadFailure === undefined) return;
  say(`no download of ${names}: ${downloadFailure}`);
  const buildFailure = await failureOf(async () => {
    for (const build of tools.builds) await goBuild(build, folder, say);
  });
  if (buildFailure === undefined) return;
  throw new Error(
    [
      `${names} ${tools.version} could not be had. Any one of these helps:`,
      `  - ${tools.cure}`,
      `  - put them into ${cached}`,
      `  - let this machine download them, which failed: ${downloadFailure}`,
      `  - put Go 1.26 or newer on the PATH; building failed: ${buildFailure}`,
    ].join('\n'),
  );
}

async function failureOf(action: () => Promise<void>): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    return error.message.trim() + cause;
  }
}

function say(line: string): void {
  process.stderr.write(`[control plane] ${line}\n`);
}
