import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { startControlPlane } from '../../test/harness/control-plane.ts';
import { applyCrds } from '../../test/harness/crds.ts';
import { installChart } from '../../test/harness/install-chart.ts';
import { startGateway, startOperator, type TalariaProcess } from '../../test/harness/talaria-process.ts';
import { temporaryFolder } from '../../test/harness/temporary-folder.ts';
import { startEmbeddedPostgres } from '../dev/embedded-postgres.ts';
import { keptGatewayKey } from './gateway-key.ts';
import { keepRunning, type Restartable } from './keep-running.ts';

export interface ClusterOptions {
  /** Number of gateways. */
  readonly replicas: number;
  /** Keeps everything there over restarts. Absent: a temporary folder, removed at the end. */
  readonly directory: string | undefined;
  /** Gets progress, one line at a time. */
  readonly say: (line: string) => void;
}

/** What a person needs to use the cluster. */
export interface ClusterAccess {
  /** Path of a kubeconfig with every right. */
  readonly kubeconfig: string;
  /** A key for all agents, with the role admin. */
  readonly apiKey: string;
  /** `http://127.0.0.1:<port>` of each gateway. */
  readonly gateways: readonly string[];
}

export interface Cluster {
  readonly start: () => Promise<ClusterAccess>;
  /** Stops every process, the newest first. While `start` is at work, its present step is finished and `start` rejects. */
  readonly stop: () => Promise<void>;
}

/** The namespace that Talaria serves: the one that kubectl uses when none is named. */
const namespace = 'default';

/**
 * A real control plane, PostgreSQL, the operator and gateways as processes of this machine. Each Talaria process has
 * its own ServiceAccount and the rights of the chart. What ends is started again, as in a cluster.
 */
export function createCluster(options: ClusterOptions): Cluster {
  const { say } = options;
  const stopping = new AbortController();
  const stops: (() => Promise<void>)[] = [];
  const keepers: Promise<void>[] = [];
  let starting: Promise<ClusterAccess> | undefined;

  const started = (what: Restartable, stop: () => Promise<void>) => {
    stops.push(stop);
    keepers.push(keepRunning(what, say, stopping.signal));
    say(`${what.name} is up`);
    stopping.signal.throwIfAborted();
  };
  const startedTalaria = (it: TalariaProcess) =>
    started({ name: it.podName, running: () => it.exit() === undefined, start: it.start }, it.stop);

  const start = async (): Promise<ClusterAccess> => {
    const directory = await folder(options.directory, stops);
    const logs = logFiles(path.join(directory, 'log'));
    say(`state and logs are in ${directory}`);

    const controlPlane = await startControlPlane({
      directory: path.join(directory, 'control-plane'),
      onOutput: logs('kube-apiserver'),
    });
    const { kubeconfig, apiServerRunning, startApiServer } = controlPlane;
    started({ name: 'kube-apiserver', running: apiServerRunning, start: startApiServer }, controlPlane.stop);

    const postgres = await startEmbeddedPostgres({
      directory: path.join(directory, 'postgres'),
      durable: options.directory !== undefined,
      onOutput: logs('postgres'),
    });
    started({ name: 'postgres', running: postgres.running, start: postgres.start }, postgres.stop);

    await applyCrds(kubeconfig);
    await installChart(kubeconfig, namespace);
    const apiKey = await keptGatewayKey(kubeconfig, namespace);
    const pod = (podName: string) => ({
      kubeconfig,
      namespace,
      podName,
      directory: path.join(directory, podName),
      onOutput: logs(podName),
    });
    startedTalaria(await startOperator(pod('talaria-operator-0')));
    const gateways: string[] = [];
    for (let index = 0; index < options.replicas; index++) {
      const gateway = await startGateway({ ...pod(`talaria-gateway-${index}`), databaseUrl: postgres.url() });
      startedTalaria(gateway);
      gateways.push(gateway.url);
    }
    return { kubeconfig, apiKey, gateways };
  };

  return {
    start: () => {
      starting = start();
      return starting;
    },
    stop: async () => {
      stopping.abort(new Error('the cluster is being stopped'));
      await starting?.catch(() => undefined);
      await Promise.all(keepers);
      while (stops.length > 0) await stops.pop()?.();
    },
  };
}

async function folder(kept: string | undefined, stops: (() => Promise<void>)[]): Promise<string> {
  if (kept !== undefined) {
    await mkdir(kept, { recursive: true });
    return path.resolve(kept);
  }
  const directory = await temporaryFolder('cluster');
  stops.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** For each name a function that adds text to the file of that name. */
function logFiles(directory: string): (name: string) => (text: string) => void {
  return (name) => {
    const file = mkdir(directory, { recursive: true }).then(() =>
      createWriteStream(path.join(directory, `${name}.log`), { flags: 'a' }),
    );
    return (text) => void file.then((stream) => stream.write(text));
  };
}
