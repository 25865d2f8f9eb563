import path from 'node:path';
import { helmBinary } from './binaries.ts';
import { runProgram } from './run-program.ts';

/** The chart under test. */
export const chartFolder = path.join(import.meta.dirname, '..', '..', 'charts', 'talaria');

/** Values with which the chart needs nothing but a Secret that names a database. */
export const externalDatabase = ['--set', 'database.trial=false,database.existingSecret=my-database'];

/** Runs helm and returns its stdout. Rejects with the command and its stderr on a failure. */
export async function helm(args: readonly string[], kubeconfig?: string): Promise<string> {
  const access = kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig];
  return runProgram(await helmBinary(), [...args, ...access], { timeoutMs: 120_000 });
}

/** The chart's manifests for a namespace, as one YAML text. */
export async function renderChart(namespace: string, flags: readonly string[] = externalDatabase): Promise<string> {
  return helm(['template', 'talaria', chartFolder, '--namespace', namespace, ...flags]);
}
