import { readFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../cli/dev/free-port.ts';
import { startTethered } from '../cli/dev/tethered-process.ts';
import { deployments } from '../core/kube/resources.ts';
import type { KubeClient, KubeObject } from '../core/kube/types.ts';
import { writeComponentKubeconfig } from '../test/harness/install-chart.ts';
import { runProgram } from '../test/harness/run-program.ts';
import { waitFor } from '../test/harness/wait-for.ts';

/** The operator of the image: the bundle, started as the chart starts it. */
export interface BundledOperator {
  readonly pid: number;
  /** From the start of the process to its being ready: it leads and has published. */
  readonly readyMs: number;
  /** The sum of the samples of a metric. */
  readonly metric: (name: string) => Promise<number>;
  readonly log: () => string;
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface BundledOperatorOptions {
  /** Has every right. */
  readonly client: KubeClient;
  readonly kubeconfig: string;
  /** Where `bundle` put it. */
  readonly dist: string;
  readonly podName: string;
  readonly awaitReady?: boolean;
}

const readyBudgetMs = 300_000;
const stopBudgetMs = 40_000;

/** Bundles Talaria into a folder and fills its compile cache, as the image does. */
export async function bundle(dist: string): Promise<void> {
  await runProgram(process.execPath, [path.join(import.meta.dirname, '..', 'scripts', 'bundle.ts'), dist]);
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache(dist) };
  await runProgram(process.execPath, [path.join(dist, 'warm-compile-cache.js')], { env });
}

function compileCache(dist: string): string {
  return path.join(dist, 'compile-cache');
}

/** Starts it in the namespace of the client, where the chart is installed; resolves when it is ready. */
export async function startBundledOperator(options: BundledOperatorOptions): Promise<BundledOperator> {
  const { client, dist, podName } = options;
  const kubeconfig = path.join(dist, `${podName}.kubeconfig`);
  await writeComponentKubeconfig(kubeconfig, options.kubeconfig, client.namespace, 'operator');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { args, env } = await containerOfChart(client);
  const startedAt = performance.now();
  let log = '';
  const running = await startTethered(process.execPath, args, {
    cwd: path.dirname(dist),
    env: {
      ...Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
      KUBECONFIG: kubeconfig,
      NODE_ENV: 'production',
      NODE_COMPILE_CACHE: compileCache(dist),
      POD_NAME: podName,
      TALARIA_NAMESPACE: client.namespace,
      TALARIA_LISTEN: `127.0.0.1:${port}`,
    },
    onOutput: (text) => {
      log = (log + text).slice(-1_000_000);
    },
  });
  const ready = async () => {
    if (running.exit() !== undefined) throw new Error(`the operator ended:\n${running.output()}`);
    return (await fetch(`${url}/readyz`)).ok;
  };
  if (options.awaitReady !== false) {
    await waitFor('the operator to be ready', ready, { timeoutMs: readyBudgetMs, intervalMs: 10 });
  }
  const readyMs = performance.now() - startedAt;
  return {
    pid: running.pid,
    readyMs,
    metric: async (name) => sumOf(name, await (await fetch(`${url}/metrics`)).text()),
    log: () => log,
    kill: async () => {
      await running.stop('SIGKILL', stopBudgetMs);
    },
    stop: async () => {
      await running.stop('SIGTERM', stopBudgetMs);
    },
  };
}

/** Peak resident memory of a process so far, in MiB. */
export function peakMiB(pid: number): number {
  return statusMiB(pid, 'VmHWM');
}

/** Resident memory that is no file, in MiB. */
export function anonymousMiB(pid: number): number {
  return statusMiB(pid, 'RssAnon');
}

function statusMiB(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
}

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly Container[] } };
  };
}

interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

/** The container of the chart: its arguments, and its environment, of which some only Kubernetes can fill in. */
async function containerOfChart(client: KubeClient): Promise<Container> {
  const deployment = (await client.get(deployments, 'talaria-operator')) as Deployment | undefined;
  const [container] = deployment?.spec.template.spec.containers ?? [];
  if (container === undefined) throw new Error('the chart is not installed: there is no Deployment talaria-operator');
  return container;
}

function sumOf(name: string, metrics: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
