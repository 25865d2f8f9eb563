import { controlPlaneBinaries } from './binaries.ts';
import { runProgram } from './run-program.ts';

/** Runs kubectl with a kubeconfig and returns its stdout. Rejects with the command and its stderr on a failure. */
export async function kubectl(kubeconfig: string, args: readonly string[], input?: string): Promise<string> {
  const binaries = await controlPlaneBinaries();
  return runProgram(binaries.kubectl, ['--kubeconfig', kubeconfig, ...args], input === undefined ? {} : { input });
}
