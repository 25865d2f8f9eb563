import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number };
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const root = path.join(import.meta.dirname, '../../..');
const files = globSync('charts/talaria/dashboards/*.json', { cwd: root }).sort();
const readDashboard = (file: string) => JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Dashboard;
const rows = readFileSync(path.join(root, 'docs/metrics.md'), 'utf8').matchAll(/^\| `(talaria_\w+)` \| (\w+) \|/gm);
const types = new Map([...rows].map(([, name = '', type = '']) => [name, type]));

describe.each(files)('%s', (file) => {
  const { panels, templating } = readDashboard(file);
  const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })));

  it('asks only for metrics that are exported, each as its type demands', () => {
    expect(queries.length).toBeGreaterThan(5);
    for (const { title, expr } of queries) {
      const names = [...expr.matchAll(/(?:talaria|process|nodejs)_\w+/g)].map(([name]) => name);
      expect(names.length, title).toBeGreaterThan(0);
      for (const name of names.filter((each) => each.startsWith('talaria_'))) {
        const histogram = name.endsWith('_bucket') ? name.slice(0, -'_bucket'.length) : undefined;
        expect(types.get(histogram ?? name), `${title}: ${name}`).toBe(histogram ? 'histogram' : expectedType(name));
        const counts = histogram !== undefined || types.get(name) === 'counter';
        expect(new RegExp(`(rate|increase)\\(${name}\\{`).test(expr), `${title}: ${expr}`).toBe(counts);
      }
    }
  });

  it('asks only for the namespace that is chosen', () => {
    for (const { title, expr } of queries) {
      const selectors = [...expr.matchAll(/\b(?:talaria|process|nodejs)_\w+(\{[^}]*\})?/g)].map(
        ([, selector]) => selector,
      );
      for (const selector of selectors) expect(selector, `${title}: ${expr}`).toContain('namespace="$namespace"');
    }
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'namespace']);
  });

  it('has panels with ids and titles of their own, side by side', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    const places = panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
    expect(new Set(places).size).toBe(places.length);
    expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
  });
});

it('together the dashboards show every metric but those of tracing, hints and leases', () => {
  const shown = files.map((file) => JSON.stringify(readDashboard(file).panels)).join();
  const hidden = [...types.keys()].filter((name) => !new RegExp(`${name}(_bucket)?\\b`).test(shown));
  expect(hidden.sort()).toEqual([
    'talaria_delivery_account_broken',
    'talaria_hints_dropped_total',
    'talaria_hints_malformed_total',
    'talaria_limit_slices_leased_total',
    'talaria_trace_spans_dropped_total',
    'talaria_trace_spans_exported_total',
  ]);
  const uids = files.map((file) => readDashboard(file).uid);
  expect(new Set(uids).size).toBe(3);
});

/** A histogram is asked for by its buckets. */
function expectedType(name: string): unknown {
  return types.get(name) === 'histogram' ? 'its _bucket' : (types.get(name) ?? 'a metric of docs/metrics.md');
}
