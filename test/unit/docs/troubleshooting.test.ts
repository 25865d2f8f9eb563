import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { conditionTable } from '../../../core/conditions.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../docs/troubleshooting.md'), 'utf8');
/** Condition type -> its part of the page. */
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.split('\n', 1)[0] ?? '', section]),
);

function rowsOf(type: string): readonly (readonly string[])[] {
  const rows = [...(sections.get(type) ?? '').matchAll(/^\| `\w+` \|.*$/gm)].map(([row]) => row);
  return rows.map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')));
}

describe('the page about conditions', () => {
  it('has a section for every condition type and no other', () => {
    expect([...sections.keys()]).toEqual(Object.keys(conditionTable));
  });

  it.each(Object.entries(conditionTable))('has exactly one entry for every reason of %s', (type, { reasons }) => {
    expect(rowsOf(type).map(([, reason]) => reason)).toEqual(Object.keys(reasons));
  });

  it.each(Object.keys(conditionTable))('says of every reason of %s what it means and what to do', (type) => {
    for (const [, , meaning = '', cure = ''] of rowsOf(type)) {
      expect(meaning.length).toBeGreaterThan(10);
      expect(cure.length).toBeGreaterThan(4);
    }
  });
});
