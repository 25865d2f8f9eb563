import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseYaml } from '../../cli/yaml-documents.ts';
import { verdict } from '../../crds/verdict.ts';
import { parseGatewayConfig } from '../../gateway/config/config-file.ts';

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

  it.each(pages)('every link of %s to a part of a page leads to a heading that is there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)];
    const lost = links.filter(([, file = '', part = '']) => {
      const target = file === '' ? page : path.join(path.dirname(page), file);
      return target.endsWith('.md') && !partsOf(target).includes(part);
    });
    expect(lost.map(([link]) => link)).toEqual([]);
  });

  it('every file that the architecture page names is there', () => {
    const folders = [
      '',
      'gateway/ingress/',
      'gateway/admit/',
      'gateway/worker/',
      'gateway/schedule/',
      'gateway/delivery/',
      'crds/',
      'cli/',
    ];
    const named = [...read('docs/architecture.md').matchAll(/`([\w/-]+(?:\.ts|\/))`/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !folders.some((folder) => existsSync(path.join(root, folder, name))))).toEqual([]);
  });

  it.each(pages)('every npm script that %s names is there', (page) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/npm run (?:-s )?([a-z][a-z0-9:-]*)/g)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it.each(pages)('every manifest of %s is accepted', async (page) => {
    const blocks = [...read(page).matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    for (const block of blocks) expect(await problemsOf(block)).toEqual([]);
  });

  it.each(pages)('every gateway configuration in chart values of %s is one that a gateway takes', (page) => {
    const blocks = [...read(page).matchAll(/```yaml\n(gateway:\n[\s\S]*?)```/g)].map((match) => match[1] ?? '');
    const configs = blocks.map((block) => (parse(block) as { gateway: { config?: object } }).gateway.config ?? {});
    for (const config of configs) expect(parseGatewayConfig(stringify(config), page)).toMatchObject(config);
  });

  it('every case of the comparison with batch/v1 is a test of that name, and every such test a case', () => {
    const cases = [...read('docs/batch-v1.md').matchAll(/^\| (?!case )([^|]+) \|/gm)].map((match) => match[1] ?? '');
    const tests = ['test/unit/core/schedule/batch-v1.test.ts', 'test/servers/schedule/batch-v1.test.ts'].flatMap(
      (file) => [...read(file).matchAll(/^ {2}it\('([^']+)'/gm)].map((match) => match[1] ?? ''),
    );
    expect(cases.length).toBeGreaterThan(30);
    expect(cases.toSorted()).toEqual(tests.toSorted());
  });

  it.each(globSync('examples/**/*.yaml', { cwd: root }))('every manifest of %s is accepted', async (file) => {
    expect(await problemsOf(read(file))).toEqual([]);
  });
});

/** The names by which a page's headings are linked, as GitHub and GitLab make them. */
function partsOf(page: string): readonly string[] {
  const headings = read(page)
    .replace(/```[\s\S]*?```/g, '')
    .matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** What an API server or the operator would say against the manifests of a text. */
async function problemsOf(text: string): Promise<readonly unknown[]> {
  const { documents, faults } = parseYaml(text);
  expect(documents.length + faults.length).toBeGreaterThan(0);
  const ours = documents.map(({ value }) => value).filter((value) => JSON.stringify(value).includes('"talaria.dev/v1'));
  const verdicts = await Promise.all(ours.map((value) => verdict(value)));
  return [...faults, ...verdicts.flatMap(({ problems }) => problems)];
}
