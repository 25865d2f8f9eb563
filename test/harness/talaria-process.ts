import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../cli/dev/free-port.ts';
import { type Exit, startTethered, type TetheredProcess } from '../../cli/dev/tethered-process.ts';
import { type TalariaComponent, writeComponentKubeconfig } from './install-chart.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

export interface TalariaProcessOptions {
  /** Path of a kubeconfig that may make tokens for ServiceAccounts. The process itself gets its own account's token. */
  readonly kubeconfig: string;
  /** A namespace in which `installChart` was called. */
  readonly namespace: string;
  /** Name of the pod that the process stands for. Default: the component with a random ending. */
  readonly podName?: string;
  /** Default `info`. */
  readonly logLevel?: string;
  /** False: the start resolves when the process answers at all, although it may not be ready. Default: true. */
  readonly awaitReady?: boolean;
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the log as it is written. */
  readonly onOutput?: (text: string) => void;
  /** Holds the kubeconfig, the configuration and the local state. Default: a temporary folder, removed by `stop`. */
  readonly directory?: string;
}

export interface GatewayOptions extends TalariaProcessOptions {
  readonly databaseUrl: string;
  /** The configuration file, as an object. Default: everything on loopback may be reached. */
  readonly config?: object;
}

/** An operator or gateway of this repository, run from its source with the rights that the chart gives it. */
export interface TalariaProcess {
  readonly podName: string;
  /** `http://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  /** Everything it logged, over all its lives (the newest 8 MiB). */
  readonly log: () => string;
  /** How it ended; undefined while it runs. */
  readonly exit: () => Exit | undefined;
  /** Starts it again after it ended, whatever ended it; resolves as the first start did. */
  readonly start: () => Promise<void>;
  /** `kill -9`. */
  readonly kill: () => Promise<Exit>;
  /** SIGTERM, as a cluster does, and waits for the end. */
  readonly terminate: () => Promise<Exit>;
  readonly pause: () => void;
  readonly resume: () => void;
  /** Ends it and removes its temporary folder. */
  readonly stop: () => Promise<void>;
}

/** Loopback is refused by default; tests have their model servers and webhook receivers there. */
export const loopbackEgress = {
  egress: Object.fromEntries(
    ['delivery', 'models', 'tools'].map((kind) => [kind, { allow: ['127.0.0.0/8', '::1', 'localhost'] }]),
  ),
};

const root = path.join(import.meta.dirname, '..', '..');
const readyBudgetMs = 60_000;
const stopBudgetMs = 40_000;
const keptLog = 8 * 1024 * 1024;

/** Starts operator/main.ts; resolves when it is ready. */
export async function startOperator(options: TalariaProcessOptions): Promise<TalariaProcess> {
  return startProcess('operator', options, async () => ({ args: [], env: {} }));
}

/** Starts gateway/main.ts; resolves when it is ready: it has a snapshot and can route. */
export async function startGateway(options: GatewayOptions): Promise<TalariaProcess> {
  return startProcess('gateway', options, async (directory) => {
    const config = path.join(directory, 'gateway.yaml');
    await writeFile(config, stringify(options.config ?? loopbackEgress));
    const state = path.join(directory, 'state');
    await mkdir(state, { recursive: true });
    const env = {
      TALARIA_STATE_DIR: state,
      TALARIA_HOMES_DIR: path.join(directory, 'homes'),
      DATABASE_URL: options.databaseUrl,
      DATABASE_DIRECT_URL: options.databaseUrl,
    };
    return { args: ['--config', config], env };
  });
}

interface Invocation {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function startProcess(
  component: TalariaComponent,
  options: TalariaProcessOptions,
  prepare: (directory: string) => Promise<Invocation>,
): Promise<TalariaProcess> {
  const directory = options.directory ?? (await temporaryFolder(component));
  const podName = options.podName ?? `talaria-${component}-${randomUUID().slice(0, 8)}`;
  const kubeconfig = path.join(directory, 'kubeconfig');
  await mkdir(directory, { recursive: true });
  await writeComponentKubeconfig(kubeconfig, options.kubeconfig, options.namespace, component);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const invocation = await prepare(directory);
  const env = {
    PATH: process.env.PATH,
    KUBECONFIG: kubeconfig,
    TALARIA_NAMESPACE: options.namespace,
    POD_NAME: podName,
    POD_UID: randomUUID(),
    TALARIA_LISTEN: `127.0.0.1:${port}`,
    TALARIA_LOG_LEVEL: options.logLevel ?? 'info',
    ...invocation.env,
    ...options.env,
  };
  let running: TetheredProcess | undefined;
  let log = '';

  const start = async () => {
    const started = await startTethered(process.execPath, [path.join(root, component, 'main.ts'), ...invocation.args], {
      cwd: directory,
      env,
      onOutput: (text) => {
        log = (log + text).slice(-keptLog);
        options.onOutput?.(text);
      },
    });
    running = started;
    await untilUp(podName, `${url}${options.awaitReady === false ? '/healthz' : '/readyz'}`, started);
  };
  const end = async (signal: NodeJS.Signals) => {
    running?.kill('SIGCONT');
    return (await running?.stop(signal, stopBudgetMs)) ?? { code: null, signal: null };
  };
  await start();
  return {
    podName,
    url,
    log: () => log,
    exit: () => running?.exit(),
    start,
    kill: () => end('SIGKILL'),
    terminate: () => end('SIGTERM'),
    pause: () => running?.kill('SIGSTOP'),
    resume: () => running?.kill('SIGCONT'),
    stop: async () => {
      await end('SIGTERM');
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilUp(podName: string, url: string, running: TetheredProcess): Promise<void> {
  const probe = async () => {
    if (running.exit() !== undefined) return 'ended';
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.body?.cancel();
    return answer.ok && 'ready';
  };
  const outcome = await waitFor(`${podName} to be ready`, probe, { timeoutMs: readyBudgetMs }).catch(
    async (cause: unknown) => {
      await running.stop('SIGKILL', stopBudgetMs);
      throw new Error(`${podName} did not become ready:\n${running.output().slice(-8_000)}`, { cause });
    },
  );
  if (outcome === 'ended') throw new Error(`${podName} ended at its start:\n${running.output().slice(-8_000)}`);
}
