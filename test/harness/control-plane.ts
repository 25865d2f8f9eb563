import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import path from 'node:path';
import { freePort } from '../../cli/dev/free-port.ts';
import { startTethered, type TetheredProcess } from '../../cli/dev/tethered-process.ts';
import { controlPlaneBinaries, kubeControllerManagerBinary } from './binaries.ts';
import { type ServiceAccountRef, writeKubeconfig, writeServiceAccountKubeconfig } from './kubeconfig.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

export interface ControlPlaneOptions {
  /** Keeps etcd's data, keys and logs there over restarts. Default: a temporary folder, removed by `stop`. */
  readonly directory?: string;
  /** Runs kube-controller-manager too, for owner-reference garbage collection and nothing else. */
  readonly garbageCollector?: boolean;
  /** A file that gets one line of JSON for each request of a ServiceAccount: an audit log of the level Metadata. */
  readonly auditLog?: string;
  /** Gets the log of the API server. */
  readonly onOutput?: (text: string) => void;
}

/** A real kube-apiserver on etcd. Nothing runs pods on it. Its processes die with this one. */
export interface ControlPlane {
  readonly server: string;
  /** Path of a kubeconfig with every right. */
  readonly kubeconfig: string;
  /** Plain HTTP URL of etcd. */
  readonly etcdUrl: string;
  /** Makes a kubeconfig for a ServiceAccount that exists, by TokenRequest; returns its path. */
  readonly kubeconfigFor: (account: ServiceAccountRef) => Promise<string>;
  /** Freezes the API server: connections stay open and nothing answers. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly apiServerRunning: () => boolean;
  /** Kills the API server: connections are refused until `startApiServer`. */
  readonly stopApiServer: () => Promise<void>;
  /** Starts it again on the same port, with the same objects; resolves when it is ready. */
  readonly startApiServer: () => Promise<void>;
  readonly restartApiServer: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const readyBudgetMs = 60_000;
const stopBudgetMs = 10_000;

/** Starts etcd and kube-apiserver on free ports of 127.0.0.1; resolves when the API server is ready. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = await controlPlaneBinaries();
  const directory = options.directory ?? (await temporaryFolder('control-plane'));
  const credentials = await keptCredentials(directory);
  const etcd = await startEtcd(binaries.etcd, directory);
  const port = await freePort();
  const server = `https://127.0.0.1:${port}`;
  const flags = [...apiServerFlags(directory, etcd.url, port), ...(await auditFlags(directory, options.auditLog))];
  const output = options.onOutput === undefined ? {} : { onOutput: options.onOutput };
  let apiServer: TetheredProcess | undefined;

  const startApiServer = async () => {
    apiServer = await startTethered(binaries.kubeApiserver, flags, output);
    await untilReady(apiServer, directory, server);
  };
  const stopApiServer = async () => {
    await apiServer?.stop('SIGKILL', stopBudgetMs);
  };
  await startApiServer();
  const certificateAuthority = await readFile(path.join(directory, 'pki', 'apiserver.crt'), 'utf8');
  const kubeconfig = path.join(directory, 'admin.kubeconfig');
  await writeKubeconfig(kubeconfig, { server, certificateAuthority }, credentials.adminToken);
  const collector = options.garbageCollector ? await startGarbageCollector(directory, kubeconfig) : undefined;

  return {
    server,
    kubeconfig,
    etcdUrl: etcd.url,
    kubeconfigFor: async (account) => {
      const file = path.join(directory, `${account.namespace}-${account.name}.kubeconfig`);
      await writeServiceAccountKubeconfig(file, kubeconfig, account);
      return file;
    },
    apiServerRunning: () => apiServer?.exit() === undefined,
    pause: () => apiServer?.kill('SIGSTOP'),
    resume: () => apiServer?.kill('SIGCONT'),
    stopApiServer,
    startApiServer,
    restartApiServer: async () => {
      await stopApiServer();
      await startApiServer();
    },
    stop: async () => {
      await collector?.stop('SIGKILL', stopBudgetMs);
      await stopApiServer();
      await etcd.process.stop('SIGTERM', stopBudgetMs);
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startEtcd(binary: string, directory: string): Promise<{ url: string; process: TetheredProcess }> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const started = await startTethered(binary, [
    `--data-dir=${path.join(directory, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]);
  await waitFor('etcd to answer', () => {
    if (started.exit() !== undefined) throw new Error(`etcd ended: ${started.output()}`);
    return fetch(`${url}/health`, { signal: AbortSignal.timeout(1_000) }).then((answer) => answer.ok);
  });
  return { url, process: started };
}

function apiServerFlags(directory: string, etcdUrl: string, port: number): string[] {
  const pki = path.join(directory, 'pki');
  return [
    `--etcd-servers=${etcdUrl}`,
    `--cert-dir=${pki}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${path.join(pki, 'service-account.pub')}`,
    `--service-account-signing-key-file=${path.join(pki, 'service-account.key')}`,
    `--token-auth-file=${path.join(pki, 'tokens.csv')}`,
    '--authorization-mode=RBAC,Node',
    '--service-cluster-ip-range=10.0.0.0/24',
    // Nothing makes the default ServiceAccount that this plugin asks of every pod.
    '--disable-admission-plugins=ServiceAccount',
  ];
}

async function auditFlags(directory: string, log: string | undefined): Promise<string[]> {
  if (log === undefined) return [];
  const policy = path.join(directory, 'audit-policy.json');
  const rules = [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }];
  const omitStages = ['RequestReceived'];
  await writeFile(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages, rules }));
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`];
}

async function untilReady(apiServer: TetheredProcess, directory: string, server: string): Promise<void> {
  await waitFor(
    'kube-apiserver to be ready',
    async () => {
      if (apiServer.exit() !== undefined) return 'ended';
      const certificate = await readFile(path.join(directory, 'pki', 'apiserver.crt'));
      return statusOf(`${server}/readyz`, certificate).then((status) => status === 200 && 'ready');
    },
    { timeoutMs: readyBudgetMs },
  );
  if (apiServer.exit() !== undefined) throw new Error(`kube-apiserver ended:\n${apiServer.output().slice(-4_000)}`);
}

/** `/readyz` may be read without credentials. */
async function statusOf(url: string, ca: Buffer): Promise<number | undefined> {
  const agent = new Agent({ keepAlive: false });
  return new Promise((resolve, reject) => {
    const call = request(url, { ca, agent, timeout: 1_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    call.once('timeout', () => call.destroy(new Error('no answer within a second')));
    call.once('error', reject);
    call.end();
  });
}

async function startGarbageCollector(directory: string, kubeconfig: string): Promise<TetheredProcess> {
  const binary = await kubeControllerManagerBinary();
  return startTethered(binary, [
    `--kubeconfig=${kubeconfig}`,
    '--controllers=garbage-collector-controller,namespace-controller',
    '--leader-elect=false',
    '--secure-port=0',
    `--service-account-private-key-file=${path.join(directory, 'pki', 'service-account.key')}`,
  ]);
}

/** The keys that sign ServiceAccount tokens and the token of the administrator, made once per folder. */
async function keptCredentials(directory: string): Promise<{ adminToken: string }> {
  const pki = path.join(directory, 'pki');
  const tokens = path.join(pki, 'tokens.csv');
  await mkdir(pki, { recursive: true, mode: 0o700 });
  if (!(await exists(tokens))) {
    const keys = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'sec1', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    await writeFile(path.join(pki, 'service-account.key'), keys.privateKey, { mode: 0o600 });
    await writeFile(path.join(pki, 'service-account.pub'), keys.publicKey);
    await writeFile(tokens, `${randomBytes(24).toString('hex')},admin,admin,"system:masters"\n`, { mode: 0o600 });
  }
  return { adminToken: (await readFile(tokens, 'utf8')).split(',')[0] ?? '' };
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
