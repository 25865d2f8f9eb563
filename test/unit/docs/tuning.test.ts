import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { gatewayConfigSchema } from '../../../gateway/config/config-file.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const page = read('docs/tuning.md');

/** The first column and the default of each row of a section. */
function rowsOf(heading: string): ReadonlyMap<string, string> {
  const section = page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return new Map(
    [...section.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)].map(([, name = '', value = '']) => [name, value.trim()]),
  );
}

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly default?: unknown;
}

/** Paths of all fields that are no objects, with their defaults. */
function fieldsOf(schema: Schema, at: string): readonly (readonly [string, unknown])[] {
  if (schema.properties === undefined) return [[at, schema.default]];
  return Object.entries(schema.properties).flatMap(([name, field]) =>
    fieldsOf(field, at === '' ? name : `${at}.${name}`),
  );
}

describe('the page about settings', () => {
  it('has every field of the configuration file with its default, and no other', () => {
    const fields = fieldsOf(z.toJSONSchema(gatewayConfigSchema, { io: 'input' }) as Schema, '');
    const rows = rowsOf("The gateway's configuration file");
    expect([...rows.keys()].sort()).toEqual(fields.map(([name]) => name).sort());
    for (const [name, value] of fields) expect(rows.get(name)).toBe(Array.isArray(value) ? 'none' : String(value));
  });

  it('has every variable that the gateway reads, and no other', () => {
    const code = read('gateway/config/environment.ts');
    const variables = new Set([...code.matchAll(/(?:optional|required)\('([A-Z_]+)'/g)].map(([, name = '']) => name));
    // Only a sign that the process is in a pod.
    variables.delete('KUBERNETES_SERVICE_HOST');
    expect(variables.size).toBeGreaterThan(5);
    expect([...rowsOf('Variables of the gateway').keys()].sort()).toEqual([...variables].sort());
  });

  it('has every variable that the operator reads, and no other', () => {
    const code = read('operator/environment.ts');
    const variables = [...code.matchAll(/^ {2}([A-Z_]+): z/gm)].map(([, name = '']) => name);
    expect(variables.length).toBeGreaterThan(3);
    expect([...rowsOf('Variables of the operator').keys()].sort()).toEqual(variables.toSorted());
  });

  it('says what to change by names that there are', () => {
    const known = read('docs/reference/api.md') + read('charts/talaria/values.yaml');
    const advice = page.split('## What to change when')[1]?.split('\n## ')[0] ?? '';
    const named = [...advice.matchAll(/`([a-z]+)\.([a-zA-Z.]+)`/g)].map(
      ([, , field = '']) => field.split('.').at(-1) ?? '',
    );
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((field) => !known.includes(field))).toEqual([]);
  });
});
