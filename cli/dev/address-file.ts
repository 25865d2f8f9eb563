import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** A `talaria dev` that runs. */
export interface RunningDev {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  readonly pid: number;
}

/** Where `talaria dev` keeps its state unless it is told otherwise: a folder for each, below the current one. */
export const stateRoot = '.talaria';

const fileName = 'gateway.json';

/** Leaves word in a state folder of where this process serves; gives what takes it back. */
export async function announceAddress(stateFolder: string, address: string): Promise<() => Promise<void>> {
  const file = path.join(stateFolder, fileName);
  await mkdir(stateFolder, { recursive: true });
  await writeFile(file, `${JSON.stringify({ address, pid: process.pid })}\n`);
  return () => rm(file, { force: true });
}

/** Every `talaria dev` that runs and keeps its state below `.talaria/` in this folder. */
export async function findRunningDevs(folder: string): Promise<readonly RunningDev[]> {
  const root = path.join(folder, stateRoot);
  const states = await readdir(root).catch(() => []);
  const found = await Promise.all(states.sort().map((state) => readAddress(path.join(root, state, fileName))));
  return found.filter((dev) => dev !== undefined);
}

/** The `talaria dev` that keeps its state in this folder and answers. Another process may have the id of one that was killed. */
export async function findRunningDev(stateFolder: string): Promise<RunningDev | undefined> {
  const dev = await readAddress(path.join(stateFolder, fileName));
  if (dev === undefined || dev.pid === process.pid) return undefined;
  const answer = await fetch(`${dev.address}/healthz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  await answer?.body?.cancel();
  return answer === undefined ? undefined : dev;
}

/** Undefined when nothing stands there, or its process has ended without taking it back. */
async function readAddress(file: string): Promise<RunningDev | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, address, pid] = /^\{"address":"(http:\/\/127\.0\.0\.1:\d+)","pid":(\d+)\}\n$/.exec(text) ?? [];
  if (address === undefined || pid === undefined || !isAlive(Number(pid))) return undefined;
  return { address, pid: Number(pid) };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
