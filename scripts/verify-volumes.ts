/**
 * `npm run verify:volumes -- REPOSITORY:TAG`: installs the chart with volumes of agents into a namespace of the cluster
 * that KUBECONFIG names, which has real nodes and this image, and shows what volumes do to those who have none: files that
 * outlive pods, claims that never bind, and the outage of Recreate. Prints what it measured, and ends with 1 when something is
 * not as it must be. Takes about ten minutes. Makes two storage classes and a hostPath volume, and removes all at the end.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { helmBinary } from '../test/harness/binaries.ts';
import { applyCrds } from '../test/harness/crds.ts';
import { kubectl } from '../test/harness/kubectl.ts';
import { runProgram } from '../test/harness/run-program.ts';
import { waitFor } from '../test/harness/wait-for.ts';
import { createChecks } from './verify/checks.ts';
import { agent, folderOwner, hostVolume, prober, storageClass } from './verify/volume-objects.ts';

const [image = '', tag = ''] = (process.argv[2] ?? '').split(':');
const kubeconfig = process.env.KUBECONFIG ?? '';
if (kubeconfig === '' || tag === '') {
  process.stderr.write('set KUBECONFIG, and name the image as REPOSITORY:TAG, as the nodes have it\n');
  process.exit(2);
}
const checks = createChecks();
const namespace = 'talaria-volumes';
const waitingClass = 'talaria-waiting';
const immediateClass = 'talaria-immediate';
const hostFolder = '/var/lib/talaria-verify-volumes';
const chart = path.join(import.meta.dirname, '..', 'charts', 'talaria');
const slow = { timeoutMs: 300_000, intervalMs: 250 };

const scenarios: readonly (readonly [string, () => Promise<string>])[] = [
  ['a volume for all pods: from kubectl apply to Ready', mountShared],
  [
    'its file is seen by every pod and outlives a rollout, and the rest of the home is rendered beside it',
    surviveRollout,
  ],
  ['a class that waits, and a claim that never binds', neverBinds],
  ['a class that does not wait, and a claim that never binds', neverBindsAtOnce],
  ['Recreate: a volume for one pod', mountForOnePod],
  ['Recreate: a claim that never binds', neverBindsWithRecreate],
];

try {
  await prepare();
  for (const [title, scenario] of scenarios) await checks.check(title, scenario);
} finally {
  await cleanUp();
}
checks.finish();

async function prepare(): Promise<void> {
  await applyCrds(kubeconfig);
  await talk(['create', 'namespace', namespace]);
  await apply(storageClass(waitingClass, 'WaitForFirstConsumer'), storageClass(immediateClass, 'Immediate'));
  await apply(hostVolume(namespace, waitingClass, hostFolder));
  const values = 'gateway.replicas=2,profiles.agentVolumes.enabled=true,gateway.preStopSeconds=2';
  await helm('install', '--set', values);
  await apply(agent('greeter'), folderOwner(`${image}:${tag}`, hostFolder));
  await ready('greeter');
  await talk(['wait', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s', 'pod/folder-owner']);
  await apply(prober(`${image}:${tag}`));
  await talk(['wait', '--for=condition=Ready', '--timeout=60s', 'pod/prober']);
}

async function mountShared(): Promise<string> {
  const began = Date.now();
  await apply(agent('coder', { size: '1Gi', storageClassName: waitingClass }));
  await ready('coder');
  return `${seconds(Date.now() - began)}; ${await undisturbed(began)}`;
}

async function surviveRollout(): Promise<string> {
  const began = Date.now();
  const home = '/var/lib/talaria-homes/coder';
  const file = `${home}/workspace/note`;
  const [first = '', ...others] = await gatewayPods();
  await node(first, `fs.writeFileSync('${file}', 'kept')`);
  for (const pod of others) demand((await node(pod, read(file))) === 'kept', `${pod} does not see the file`);
  await talk(['rollout', 'restart', 'deployment/talaria-gateway']);
  await rolledOut();
  for (const pod of await gatewayPods()) {
    demand((await node(pod, read(file))) === 'kept', `${pod} has lost the file`);
    const persona = () => node(pod, read(`${home}/SOUL.md`)).then((text) => text.includes('archivist'));
    await waitFor(`${pod} to render the home beside the volume`, persona, { timeoutMs: 20_000, intervalMs: 500 });
  }
  return await undisturbed(began);
}

async function neverBinds(): Promise<string> {
  const began = Date.now();
  await apply(agent('stuck', { size: '1Gi', storageClassName: waitingClass }));
  await profileReady('stuck', 'VolumeUnavailable');
  const undone = Date.now() - began;
  await rolledOut();
  await ready('coder');
  return `undone after ${seconds(undone)}; ${await undisturbed(began)}`;
}

async function neverBindsAtOnce(): Promise<string> {
  const began = Date.now();
  const generation = await deployment('{.metadata.generation}');
  await apply(agent('waiting', { size: '1Gi', storageClassName: immediateClass }));
  await profileReady('waiting', 'VolumePending');
  await delay(90_000);
  demand((await deployment('{.metadata.generation}')) === generation, 'a rollout has begun');
  return `no rollout in 90 s; ${await undisturbed(began)}`;
}

async function mountForOnePod(): Promise<string> {
  await talk(['delete', 'agents.talaria.dev', 'stuck', 'waiting']);
  await helm('upgrade', '--reuse-values', '--set', 'gateway.replicas=1,gateway.strategy=Recreate');
  await rolledOut();
  const began = Date.now();
  await apply(agent('solo', { size: '100Mi', accessMode: 'ReadWriteOnce' }));
  await ready('solo');
  await rolledOut();
  return `Ready after ${seconds(Date.now() - began)}; ${await outage(began)}`;
}

async function neverBindsWithRecreate(): Promise<string> {
  const began = Date.now();
  await apply(agent('stuck-again', { size: '1Gi', storageClassName: waitingClass }));
  await profileReady('stuck-again', 'VolumeUnavailable');
  const undone = Date.now() - began;
  await rolledOut();
  await ready('solo');
  return `undone after ${seconds(undone)}; ${await outage(began)}`;
}

/** What somebody saw meanwhile who asked `greeter` all the time. */
async function undisturbed(since: number): Promise<string> {
  const { count, failed } = await asked(since);
  demand(failed.length === 0, `${failed.length} of ${count} requests to another agent failed: ${failed[0]}`);
  return `${count} requests to another agent, none failed`;
}

async function outage(since: number): Promise<string> {
  const { longestGapMs } = await asked(since);
  return `another agent was away for ${seconds(longestGapMs)}`;
}

interface Asked {
  readonly count: number;
  /** Each with its time and what was answered. */
  readonly failed: readonly string[];
  /** The longest time between two answers with the status 200. */
  readonly longestGapMs: number;
}

/** What the prober has noted since then, once it is answered again. */
async function asked(since: number): Promise<Asked> {
  const until = Date.now();
  const lines = await waitFor(
    'another agent to answer',
    async () => {
      const all = (await talk(['logs', 'prober']))
        .trim()
        .split('\n')
        .filter((line) => Number.parseInt(line, 10) >= since);
      return all.some((line) => Number.parseInt(line, 10) > until && line.endsWith(' 200')) && all;
    },
    slow,
  );
  const good = lines.filter((line) => line.endsWith(' 200')).map((line) => Number.parseInt(line, 10));
  const gaps = good.map((time, at) => time - (good[at - 1] ?? since));
  return {
    count: lines.length,
    failed: lines.filter((line) => !line.endsWith(' 200')),
    longestGapMs: Math.max(...gaps),
  };
}

async function ready(name: string): Promise<void> {
  await waitFor(`${name} to be Ready`, async () => (await condition(name, 'Ready')).startsWith('True'), slow);
}

async function profileReady(name: string, reason: string): Promise<void> {
  await waitFor(
    `${name} to be ${reason}`,
    async () => (await condition(name, 'ProfileReady')) === `False ${reason}`,
    slow,
  );
}

function condition(name: string, type: string): Promise<string> {
  const found = `.status.conditions[?(@.type=="${type}")]`;
  return talk(['get', 'agents.talaria.dev', name, '-o', `jsonpath={${found}.status} {${found}.reason}`]);
}

async function rolledOut(): Promise<void> {
  const wanted = '{.metadata.generation} {.spec.replicas} {.spec.replicas} {.spec.replicas}';
  const found = '{.status.observedGeneration} {.status.replicas} {.status.updatedReplicas} {.status.availableReplicas}';
  const isDone = async () => (await deployment(wanted)) === (await deployment(found));
  await waitFor('the rollout to finish', isDone, slow);
}

function deployment(jsonpath: string): Promise<string> {
  return talk(['get', 'deployment', 'talaria-gateway', '-o', `jsonpath=${jsonpath}`]);
}

/** Those that do not end. */
async function gatewayPods(): Promise<readonly string[]> {
  const { items } = JSON.parse(
    await talk(['get', 'pods', '-l', 'app.kubernetes.io/component=gateway', '-o', 'json']),
  ) as {
    readonly items: readonly { readonly metadata: { readonly name: string; readonly deletionTimestamp?: string } }[];
  };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name);
}

/** Runs a piece of JavaScript in a gateway pod. */
function node(pod: string, code: string): Promise<string> {
  return talk(['exec', pod, '--', '/nodejs/bin/node', '-e', `const fs = require('fs'); ${code}`]);
}

function read(file: string): string {
  return `process.stdout.write(fs.readFileSync('${file}', 'utf8'))`;
}

async function helm(verb: string, ...flags: readonly string[]): Promise<void> {
  const set = ['--set', `image.repository=${image},image.tag=${tag}`, '--wait', '--timeout', '3m'];
  const args = [verb, 'talaria', chart, '--namespace', namespace, ...flags, ...set, '--kubeconfig', kubeconfig];
  await runProgram(await helmBinary(), args, { timeoutMs: 200_000 });
}

function talk(args: readonly string[], input?: string): Promise<string> {
  return kubectl(kubeconfig, ['--namespace', namespace, ...args], input);
}

async function apply(...items: readonly object[]): Promise<void> {
  await talk(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

function demand(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function cleanUp(): Promise<void> {
  const ours = [
    ['namespace', namespace],
    ['persistentvolume', namespace],
    ['storageclass', waitingClass, immediateClass],
  ];
  for (const names of ours) await talk(['delete', ...names, '--ignore-not-found', '--wait=false']);
  const left = () => talk(['get', `namespace/${namespace}`, `persistentvolume/${namespace}`, '--ignore-not-found']);
  await waitFor('all to be removed', async () => (await left()) === '', slow);
}
