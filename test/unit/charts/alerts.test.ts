import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { alertCases } from '../../alerts/cases.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const template = read('charts/talaria/templates/alerts.yaml');
const rules = [...template.matchAll(/- alert: (\w+)\n([\s\S]*?)(?=\n {8}- alert|\n {4}- name|\n\{\{- end)/g)].map(
  ([, name = '', body = '']) => ({ name, body }),
);
const listed = [...read('docs/metrics.md').matchAll(/^\| `(talaria_\w+)`/gm)].map(([, name = '']) => name);

describe('alert rules of the chart', () => {
  it('each have one case in which they fire and one in which they are silent', () => {
    expect(rules.length).toBeGreaterThan(15);
    expect(alertCases.map(({ alert }) => alert)).toEqual(rules.map(({ name }) => name));
    expect(alertCases.filter(({ silent }) => silent.length === 0)).toEqual([]);
  });

  it('each have an entry in docs/alerts.md, in the order of the chart, to which their annotation leads', () => {
    const entries = [...read('docs/alerts.md').matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(entries).toEqual(rules.map(({ name }) => name));
    for (const { name, body } of rules) expect(body).toContain(`runbook: docs/alerts.md#${name.toLowerCase()}`);
  });

  it('ask for metrics of docs/metrics.md only, each of the own namespace only', () => {
    for (const { name, body } of rules) {
      const asked = [...body.matchAll(/(talaria_\w+)(\{namespace="\{\{ \.Release\.Namespace \}\}")?/g)];
      const inQuery = asked.filter(([, metric]) => body.slice(0, body.indexOf('labels:')).includes(`${metric}{`));
      expect(inQuery.length, name).toBeGreaterThan(0);
      for (const [, metric = ''] of inQuery) expect(listed, name).toContain(metric);
      const outside = body.slice(0, body.indexOf('annotations:')).matchAll(/talaria_\w+(?!\w*\{namespace=)/g);
      expect(
        [...outside].map(([text]) => text),
        name,
      ).toEqual([]);
    }
  });
});
