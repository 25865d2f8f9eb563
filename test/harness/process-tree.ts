import { runProgram } from './run-program.ts';

/** The processes that a process started, and those that these started, at this moment. */
export async function descendants(pid: number): Promise<number[]> {
  const rows = (await runProgram('ps', ['-e', '-o', 'pid=,ppid=']))
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    rows.filter((row) => row[1] === parent).flatMap(([child = 0]) => [child, ...below(child)]);
  return below(pid);
}

/** True while there is a process with this id. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
