import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
const source = globSync('{crds,core,operator,gateway,cli}/**/*.ts', { cwd: root }).sort();
const edges = source.flatMap((file) => importsOf(file).map((target) => ({ file, target })));

/** What the files of a place may import of the project; the first place that fits counts. */
const mayImport: readonly (readonly [string, readonly string[]])[] = [
  ['core/lib/', ['core/lib/']],
  ['core/conditions.ts', ['core/lib/']],
  ['core/snapshot/', ['core/snapshot/', 'core/lib/']],
  ['core/route/', ['core/route/', 'core/snapshot/schema.ts', 'core/lib/']],
  ['core/schedule/', ['core/schedule/', 'core/snapshot/schema.ts', 'core/lib/']],
  ['core/', ['core/']],
  ['crds/', ['crds/', 'core/']],
  ['operator/', ['operator/', 'crds/', 'core/']],
  ['gateway/', ['gateway/', 'core/']],
  ['cli/', ['cli/', 'gateway/', 'operator/', 'crds/', 'core/', 'test/harness/']],
];

/** Packages that only some places may use. */
const onlyIn: readonly (readonly [string, readonly string[]])[] = [
  ['@ai-sdk/anthropic', ['gateway/agent/models/anthropic']],
  ['@opentelemetry', ['gateway/tracing/']],
  ['@kubernetes/client-node', ['core/kube/']],
  ['fastify', ['gateway/server.ts', 'gateway/ingress/']],
  ['pg', ['gateway/db/']],
];

describe('import directions', () => {
  it('every file imports only from the places below it', () => {
    const broken = edges
      .filter(({ target }) => /^(crds|core|operator|gateway|cli|test|bench|scripts)\//.test(target))
      .filter(({ file, target }) => !allowed(file).some((place) => target.startsWith(place)))
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(source.length).toBeGreaterThan(15);
    expect(broken).toEqual([]);
  });

  it.each(onlyIn)('%s is imported only in %s', (name, places) => {
    const broken = edges
      .filter(({ target }) => target === name || target.startsWith(`${name}/`))
      .filter(({ file }) => !places.some((place) => file.startsWith(place)))
      .map(({ file }) => file);
    expect(broken).toEqual([]);
  });

  it('no file imports itself through others', () => {
    expect(source.map((file) => findCycle(file, [], new Set())).find((cycle) => cycle !== undefined)).toBeUndefined();
  });

  it('only main files and the command line read the environment', () => {
    const readers = source.filter((file) => readFileSync(path.join(root, file), 'utf8').includes('process.env'));
    expect(readers.filter((file) => path.basename(file) !== 'main.ts' && !file.startsWith('cli/'))).toEqual([]);
  });
});

function allowed(file: string): readonly string[] {
  return mayImport.find(([place]) => file.startsWith(place))?.[1] ?? [];
}

function findCycle(file: string, trail: readonly string[], finished: Set<string>): string | undefined {
  if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file].join(' -> ');
  if (finished.has(file)) return undefined;
  const next = edges.filter((edge) => edge.file === file && edge.target !== file);
  const cycle = next.map(({ target }) => findCycle(target, [...trail, file], finished)).find((found) => found);
  finished.add(file);
  return cycle;
}

/** What a file imports at run time or for its types: project files as paths from the root, packages as written. */
function importsOf(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const found = [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'|import\('([^']+)'\)/gms)];
  return found
    .map((match) => match[1] ?? match[2] ?? '')
    .map((name) => (name.startsWith('.') ? path.join(path.dirname(file), name) : name));
}
