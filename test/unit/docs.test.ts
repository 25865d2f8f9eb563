import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseManifests } from '../../cli/manifest-documents.ts';
import { verdict } from '../../crds/verdict.ts';

const root = path.join(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/**/*.md', 'charts/**/*.md'], { cwd: root }).sort();
const read = (page: string) => readFileSync(path.join(root, page), 'utf8');

describe('documentation', () => {
  it('covers the README and the pages it leads to', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/install.md']));
  });

  it.each(pages)('every link of %s leads to a file', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => !existsSync(path.join(root, path.dirname(page), link)))).toEqual([]);
  });

  it.each(pages)('every npm script that %s names is there', (page) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/npm run (?:-s )?([a-z][a-z0-9:-]*)/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it.each(pages)('every manifest of %s is accepted', async (page) => {
    const blocks = [...read(page).matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    const parsed = blocks.map((block) => parseManifests(page, block));
    expect(parsed.flatMap(({ problems }) => problems)).toEqual([]);
    const ours = parsed
      .flatMap(({ documents }) => documents)
      .filter(({ apiVersion }) => apiVersion.startsWith('talaria.dev'));
    for (const { value } of ours) expect((await verdict(value)).problems).toEqual([]);
  });

  it.each(globSync('examples/**/*.yaml', { cwd: root }))('every manifest of %s is accepted', async (file) => {
    const { documents, problems } = parseManifests(file, read(file));
    expect(problems).toEqual([]);
    expect(documents.length).toBeGreaterThan(0);
    for (const { value } of documents) expect((await verdict(value)).problems).toEqual([]);
  });
});
