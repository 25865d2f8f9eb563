import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const rows = read('docs/threat-model.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| attempt'));

interface Proof {
  readonly file: string;
  readonly title: string;
}

/** The tests in the last column of a row. */
function proofsOf(row: string): readonly Proof[] {
  const cell = row.split(' | ').at(-1)?.replace(/ \|$/, '') ?? '';
  return cell.split('<br>').map((entry) => {
    const [, file = '', title = ''] = /^\[[\w-]+\]\(\.\.\/(test\/[^)]+)\): (.+)$/.exec(entry) ?? [];
    return { file, title };
  });
}

/** Whether a file has a test, or a group of tests, of this title that runs. */
function runs({ file, title }: Proof): boolean {
  if (!/^test\/(unit|servers|e2e|disruptive)\/.*\.test\.ts$/.test(file) || !existsSync(path.join(root, file)))
    return false;
  const text = read(file);
  const before = ["'", '"', '`'].map((quote) => text.indexOf(`${quote}${title}${quote}`)).find((at) => at > 0);
  if (before === undefined) return false;
  // What opens the call that the title is the first argument of: `it(`, `test(`, or `it.each([...])(`.
  const opening = text.slice(0, before).trimEnd();
  return opening.endsWith(')(') || /\b(it|test|describe)\($/.test(opening);
}

describe('the threat model', () => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(25);
  });

  it.each(rows.map((row) => [row.split(' | ')[0]?.slice(2), row]))('names tests that run for: %s', (_, row = '') => {
    const proofs = proofsOf(row);
    expect(proofs.length).toBeGreaterThan(0);
    expect(proofs.filter((proof) => !runs(proof))).toEqual([]);
  });

  it('has every test of a hostile author', () => {
    const titles = globSync('test/servers/security/hostile-author.test.ts', { cwd: root }).flatMap((file) =>
      [...read(file).matchAll(/(?:\bit\(|\]\)\()'([^']+)'/g)].map(([, title = '']) => title),
    );
    const named = rows.flatMap(proofsOf).map(({ title }) => title);
    expect(titles.length).toBeGreaterThan(4);
    expect(titles.filter((title) => !named.includes(title))).toEqual([]);
  });
});
