/**
 * A day of changes in minutes: Routes, Agents and CronJobs of one namespace are changed, made and deleted as fast as the
 * API server takes it, while the operator of the image publishes. What must hold: memory and open descriptors stay flat,
 * the watches miss nothing, and in the end every object is counted and Ready. Options: --changes N (default 200000),
 * --seconds N (stop after so long, whatever was reached), --objects N (default 2000).
 */
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createKubeClient } from '../core/kube/client.ts';
import { agents, cronJobs, routes } from '../core/kube/resources.ts';
import type { KubeClient } from '../core/kube/types.ts';
import { startControlPlane } from '../test/harness/control-plane.ts';
import { applyCrds } from '../test/harness/crds.ts';
import { installChart } from '../test/harness/install-chart.ts';
import { temporaryFolder } from '../test/harness/temporary-folder.ts';
import { waitFor } from '../test/harness/wait-for.ts';
import { type BundledOperator, bundle, peakMiB, startBundledOperator } from './bundled-operator.ts';
import { startReplica } from './replica.ts';
import { residentMiB } from './roles.ts';
import { agent, createWorld, cronJob, objectsOf, route, type Size, sizeOf } from './scale-world.ts';

const namespace = 'default';
const samples = 10;
const atOnce = 16;
/** Every so many changes a Route or a CronJob is deleted, and made again by the next change of it. */
const deleteEvery = 10;
const settleBudgetMs = 600_000;

interface Sample {
  readonly changes: number;
  readonly seconds: number;
  readonly resident: number;
  readonly heap: number;
  readonly descriptors: number;
  readonly missed: number;
  readonly published: number;
}

async function main(): Promise<void> {
  const options = readOptions();
  const folder = await temporaryFolder('bench-churn');
  const controlPlane = await startControlPlane();
  try {
    const { kubeconfig } = controlPlane;
    await applyCrds(kubeconfig);
    await installChart(kubeconfig, namespace);
    const dist = path.join(folder, 'dist');
    await bundle(dist);
    const client = createKubeClient({ kubeconfig, namespace, fieldManager: 'bench', deadlineMs: 60_000 });
    const size = sizeOf(options.objects);
    await createWorld(client, { agents: 0, routes: 0, cronJobs: 0 }, size);
    const replica = startReplica(client);
    const operator = await startBundledOperator({ client, kubeconfig, dist, podName: 'talaria-operator-0' });
    await untilReady(operator, size);
    const taken = await churn(client, operator, size, options);
    await untilReady(operator, size);
    print([...taken, await sampled(operator, taken.at(-1)?.changes ?? 0, performance.now())], peakMiB(operator.pid));
    await operator.stop();
    await replica.stop();
    await client.close();
  } finally {
    await controlPlane.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Options {
  readonly changes: number;
  readonly seconds: number;
  readonly objects: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      changes: { type: 'string', default: '200000' },
      seconds: { type: 'string', default: '86400' },
      objects: { type: 'string', default: '2000' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write('--changes N  --seconds N  --objects N\n');
    process.exit(0);
  }
  return { changes: Number(values.changes), seconds: Number(values.seconds), objects: Number(values.objects) };
}

/** Changes objects until there were enough changes or the time is up; gives what the operator is like on the way. */
async function churn(client: KubeClient, operator: BundledOperator, size: Size, options: Options): Promise<Sample[]> {
  const startedAt = performance.now();
  const late = () => performance.now() - startedAt > options.seconds * 1000;
  const taken = [await sampled(operator, 0, startedAt)];
  let made = 0;
  for (let part = 1; part <= samples && !late(); part += 1) {
    const goal = Math.floor((options.changes * part) / samples);
    const worker = async () => {
      while (made < goal && !late()) {
        made += 1;
        await change(client, size, made);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    taken.push(await sampled(operator, made, startedAt));
    process.stderr.write(`${made} changes\n`);
  }
  // What was deleted last is made again, so that the end is known.
  await createWorld(client, { ...size, routes: 0, cronJobs: 0 }, size);
  return taken;
}

/** Routes, CronJobs and Agents in turn; each of a kind is reached before one is reached again. */
async function change(client: KubeClient, size: Size, number: number): Promise<void> {
  const target = (of: number) => (Math.floor(number / 3) * 7919) % of;
  const deletes = number % deleteEvery === 0;
  if (number % 3 === 0) {
    const name = target(size.routes);
    await (deletes ? client.delete(routes, `route-${name}`) : client.apply(routes, route(name, size, number)));
  } else if (number % 3 === 1) {
    const name = target(size.cronJobs);
    await (deletes ? client.delete(cronJobs, `job-${name}`) : client.apply(cronJobs, cronJob(name, size, number)));
  } else {
    await client.apply(agents, agent(target(size.agents), number));
  }
}

async function sampled(operator: BundledOperator, changes: number, startedAt: number): Promise<Sample> {
  return {
    changes,
    seconds: (performance.now() - startedAt) / 1000,
    resident: residentMiB(operator.pid),
    heap: (await operator.metric('nodejs_heap_size_used_bytes')) / 2 ** 20,
    descriptors: readdirSync(`/proc/${operator.pid}/fd`).length,
    missed: await operator.metric('talaria_operator_watch_missed_total'),
    published: await operator.metric('talaria_operator_publications_total'),
  };
}

/** Until the operator counts every object, and has written no status for a while. */
async function untilReady(operator: BundledOperator, size: Size): Promise<void> {
  let before = -1;
  const settled = async () => {
    const writes = await operator.metric('talaria_operator_status_writes_total');
    const calm = writes === before && (await operator.metric('talaria_operator_objects')) === objectsOf(size);
    before = writes;
    return calm;
  };
  await waitFor('the operator to be settled', settled, { timeoutMs: settleBudgetMs, intervalMs: 3_000 });
}

function print(taken: readonly Sample[], peak: number): void {
  const rows = taken.map(({ changes, seconds, resident, heap, descriptors, missed, published }) => ({
    changes,
    seconds: seconds.toFixed(0),
    'resident MiB': resident.toFixed(0),
    'heap MiB': heap.toFixed(0),
    descriptors,
    'watch events missed': missed,
    'snapshots published': published,
  }));
  console.table(rows);
  console.log(`peak: ${peak.toFixed(0)} MiB; the last row is after the end, when every object was counted again`);
  if (taken.some(({ missed }) => missed > 0)) process.exitCode = 1;
}

await main();
