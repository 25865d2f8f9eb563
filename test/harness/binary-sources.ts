import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import path from 'node:path';
import { arch, platform } from 'node:process';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { holdsAll } from './binary-cache.ts';
import { downloadArchive, downloadFile, downloadText } from './binary-download.ts';
import type { GoBuild } from './go-build.ts';

/** Programs that are found, fetched or built together, and where they come from. */
export interface Tools {
  readonly name: string;
  readonly version: string;
  readonly files: readonly string[];
  /** Folders that may hold them, the first to look in first. `cached` is the one of our own cache. */
  readonly folders: (cached: string) => Promise<readonly (string | undefined)[]>;
  /** Fetches the published build into a folder, after comparing checksums. */
  readonly download: (folder: string) => Promise<void>;
  readonly builds: readonly GoBuild[];
  /** What a person can do to bring them along. */
  readonly cure: string;
}

/** `linux-amd64` and the like, as Kubernetes and Helm name their archives. */
export const system = `${platform}-${arch === 'x64' ? 'amd64' : arch}`;

const kubernetesVersion = '1.36.3';
const helmVersion = '4.3.1';
const envtestIndex = 'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml';
const kubernetesFlags = [
  `-X k8s.io/component-base/version.gitVersion=v${kubernetesVersion}`,
  '-X k8s.io/component-base/version.gitMajor=1',
  `-X k8s.io/component-base/version.gitMinor=${kubernetesVersion.split('.')[1]}`,
].join(' ');

export const controlPlaneTools: Tools = {
  name: 'control-plane',
  version: kubernetesVersion,
  files: ['kube-apiserver', 'etcd', 'kubectl'],
  folders: async (cached) => [assetsFolder(), cached, setupEnvtestFolder()],
  download: async (folder) => {
    const name = `envtest-v${kubernetesVersion}-${system}.tar.gz`;
    const index = parse(await downloadText(envtestIndex)) as EnvtestIndex;
    const entry = index.releases[`v${kubernetesVersion}`]?.[name];
    if (entry === undefined) throw new Error(`${envtestIndex} lists no ${name}`);
    const members = controlPlaneTools.files.map((file) => `controller-tools/envtest/${file}`);
    await downloadArchive(entry.selfLink, { algorithm: 'sha512', hex: entry.hash }, members, folder);
  },
  builds: [
    {
      module: 'kubernetes',
      packages: ['k8s.io/kubernetes/cmd/kube-apiserver', 'k8s.io/kubernetes/cmd/kubectl'],
      versionFlags: kubernetesFlags,
    },
    { module: 'etcd', packages: ['.'], versionFlags: '' },
  ],
  cure: 'set KUBEBUILDER_ASSETS to a folder that holds them (`setup-envtest use -p path` prints one)',
};

export const controllerManagerTools: Tools = {
  name: 'kube-controller-manager',
  version: kubernetesVersion,
  files: ['kube-controller-manager'],
  folders: async (cached) => [assetsFolder(), cached],
  download: async (folder) => {
    const file = `${system.replace('-', '/')}/kube-controller-manager`;
    const url = `https://dl.k8s.io/release/v${kubernetesVersion}/bin/${file}`;
    const hex = (await downloadText(`${url}.sha256`)).trim();
    await downloadFile(url, { algorithm: 'sha256', hex }, path.join(folder, 'kube-controller-manager'));
  },
  builds: [
    {
      module: 'kubernetes',
      packages: ['k8s.io/kubernetes/cmd/kube-controller-manager'],
      versionFlags: kubernetesFlags,
    },
  ],
  cure: 'put it into the folder that KUBEBUILDER_ASSETS names',
};

export const helmTools: Tools = {
  name: 'helm',
  version: helmVersion,
  files: ['helm'],
  folders: async (cached) => [await folderOfNewHelm(), cached],
  download: async (folder) => {
    const url = `https://get.helm.sh/helm-v${helmVersion}-${system}.tar.gz`;
    const hex = (await downloadText(`${url}.sha256sum`)).split(/\s/)[0] ?? '';
    await downloadArchive(url, { algorithm: 'sha256', hex }, [`${system}/helm`], folder);
  },
  builds: [
    {
      module: 'helm',
      packages: ['helm.sh/helm/v4/cmd/helm'],
      versionFlags: `-X helm.sh/helm/v4/internal/version.version=v${helmVersion}`,
    },
  ],
  cure: 'put helm 3.18 or newer on the PATH',
};

function assetsFolder(): string | undefined {
  return process.env.KUBEBUILDER_ASSETS;
}

function setupEnvtestFolder(): string {
  const home = homedir();
  const [data, name] =
    platform === 'darwin'
      ? [path.join(home, 'Library', 'Application Support'), 'io.kubebuilder.envtest']
      : [path.join(home, '.local', 'share'), 'kubebuilder-envtest'];
  return path.join(process.env.XDG_DATA_HOME || data, name, 'k8s', `${kubernetesVersion}-${system}`);
}

/** The first folder of the PATH with a helm, when that is not too old. */
async function folderOfNewHelm(): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    if (!folder || !(await holdsAll(folder, ['helm']))) continue;
    const run = promisify(execFile)(path.join(folder, 'helm'), ['version', '--short']);
    const { stdout } = await run.catch(() => ({ stdout: '' }));
    const [major = 0, minor = 0] = (/v(\d+)\.(\d+)/.exec(stdout)?.slice(1) ?? []).map(Number);
    return major > 3 || (major === 3 && minor >= 18) ? folder : undefined;
  }
  return undefined;
}

interface EnvtestIndex {
  readonly releases: Record<string, Record<string, { readonly hash: string; readonly selfLink: string }>>;
}
