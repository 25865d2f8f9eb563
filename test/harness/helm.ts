import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { helmBinary } from './binaries.ts';
import { runProgram } from './run-program.ts';

/** The chart under test. */
export const chartFolder = path.join(import.meta.dirname, '..', '..', 'charts', 'talaria');

/** The chart that holds the custom resource definitions alone. */
export const crdsChartFolder = path.join(chartFolder, '..', 'talaria-crds');

/** Sets of values for people to start from. */
export const valuesFolder = path.join(chartFolder, 'examples');

/** Values with which the chart needs nothing but a Secret that names a database. */
export const externalDatabase = ['--set', 'database.trial=false,database.existingSecret=my-database'];

/** Runs helm, with a text for its stdin, and returns its stdout. Rejects with the command and its stderr on a failure. */
export async function helm(args: readonly string[], kubeconfig?: string, input = ''): Promise<string> {
  const access = kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig];
  return runProgram(await helmBinary(), [...args, ...access], { timeoutMs: 120_000, input });
}

/** The chart's manifests for a namespace, as one YAML text. */
export async function renderChart(namespace: string, flags: readonly string[] = externalDatabase): Promise<string> {
  return helm(['template', 'talaria', chartFolder, '--namespace', namespace, ...flags]);
}

/** The objects of a YAML text, in its order. */
export function objectsOf<T extends ChartObject = ChartObject>(manifests: string): T[] {
  return parseAllDocuments(manifests)
    .map((document) => document.toJS({ maxAliasCount: 0 }) as T | null)
    .filter((object) => object !== null);
}

/** What the chart makes of a value set of charts/talaria/examples, or of `flags`. */
export async function chartObjects(values: string | readonly string[]): Promise<ChartObject[]> {
  const flags = typeof values === 'string' ? ['--values', path.join(valuesFolder, values)] : values;
  return objectsOf(await renderChart('demo', flags));
}

/** The one of these objects. Throws when it is not there. */
export function named(objects: readonly ChartObject[], kind: string, name = 'talaria-gateway'): ChartObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** An object that the chart makes; of its spec everything may be asked. */
export interface ChartObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}
