import path from 'node:path';
import { cacheFolder, fillOnce, holdsAll } from '../../test/harness/binary-cache.ts';
import { runProgram } from '../../test/harness/run-program.ts';

const cure = 'Put promtool of Prometheus 2.40 or newer on the PATH (Debian: apt-get install prometheus).';

/**
 * The path of promtool: from the PATH, else out of the Debian package `prometheus`, which is unpacked into our own cache and
 * not installed, so that no server starts. Rejects with the cure when neither works.
 */
export async function findPromtool(): Promise<string> {
  const onPath = await runProgram('/bin/sh', ['-c', 'command -v promtool']).then(
    (out) => out.trim(),
    () => undefined,
  );
  if (onPath !== undefined) return onPath;
  const folder = path.join(cacheFolder(), 'promtool');
  const program = path.join('usr', 'bin', 'promtool');
  if (!(await holdsAll(folder, [program]))) {
    await fillOnce(folder, [program], unpack).catch((cause: unknown) => {
      throw new Error(`The Debian package prometheus could not be had. ${cure}`, { cause });
    });
  }
  return path.join(folder, program);
}

async function unpack(folder: string): Promise<void> {
  process.stdout.write('fetching promtool with apt-get\n');
  const download = () => runProgram('apt-get', ['download', '-qq', 'prometheus'], { cwd: folder, timeoutMs: 300_000 });
  await download().catch(async () => {
    await runProgram('apt-get', ['update', '-qq'], { timeoutMs: 300_000 });
    await download();
  });
  await runProgram('/bin/sh', ['-c', 'dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb'], { cwd: folder });
}
