/**
 * `npm run e2e:kind [-- --keep]`: makes a kind cluster, builds and loads the image, installs the chart as a trial and runs
 * the end-to-end suite there. The cluster is deleted at the end, unless `--keep` is given.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { helmBinary } from '../test/harness/binaries.ts';
import { runProgram } from '../test/harness/run-program.ts';

const root = path.join(import.meta.dirname, '..');
const cluster = 'talaria-e2e';
const image = { name: 'talaria', tag: 'e2e' };
const keep = process.argv.includes('--keep');

await needed(
  'docker',
  ['version', '--format', '{{.Server.Version}}'],
  'Docker is not there or its daemon is not up: install and start it',
);
await needed('kind', ['version'], 'kind is not on the PATH: see https://kind.sigs.k8s.io');
const folder = await mkdtemp(path.join(tmpdir(), 'talaria-kind-'));
const kubeconfig = path.join(folder, 'kubeconfig');
try {
  await run('docker', ['build', '--tag', `${image.name}:${image.tag}`, root]);
  await run('kind', ['create', 'cluster', '--name', cluster, '--kubeconfig', kubeconfig, '--wait', '180s']);
  await run('kind', ['load', 'docker-image', '--name', cluster, `${image.name}:${image.tag}`]);
  const install = [
    'install',
    'talaria',
    path.join(root, 'charts', 'talaria'),
    '--namespace',
    'talaria',
    '--create-namespace',
  ];
  const settings = ['--set', `image.repository=${image.name},image.tag=${image.tag}`, '--wait', '--timeout', '5m'];
  await run(await helmBinary(), [...install, ...settings, '--kubeconfig', kubeconfig]);
  await run(process.execPath, [path.join(root, 'scripts', 'e2e.ts')], { KUBECONFIG: kubeconfig });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  if (keep) process.stdout.write(`the cluster is kept: export KUBECONFIG=${kubeconfig}\n`);
  else {
    await run('kind', ['delete', 'cluster', '--name', cluster]).catch(() => undefined);
    await rm(folder, { recursive: true });
  }
}

/** Ends this program with the cure when a tool does not work. */
async function needed(command: string, args: readonly string[], cure: string): Promise<void> {
  try {
    await runProgram(command, args);
  } catch {
    const elsewhere = 'The suite itself takes any cluster with the chart installed: KUBECONFIG=... npm run e2e';
    process.stderr.write(`${cure}.\n${elsewhere}\n`);
    process.exit(2);
  }
}

/** Runs a program with its output shown; rejects when it fails. */
async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${path.basename(command)} ${args.join(' ')} ended with ${code}`);
}
