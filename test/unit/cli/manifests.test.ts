import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readManifests } from '../../../cli/manifests.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'talaria-manifests-'));
});
afterAll(() => rm(folder, { recursive: true }));

const agent = (name: string) => `apiVersion: talaria.dev/v1alpha1\nkind: Agent\nmetadata:\n  name: ${name}\n`;

describe('the files of a folder', () => {
  it('are all .yaml, .yml and .json files in it and its folders, except hidden ones, in the order of their paths', async () => {
    const root = await folderWith({
      'b.yaml': agent('b'),
      'a.yml': agent('a'),
      'sub/c.json': '{"apiVersion": "talaria.dev/v1alpha1", "kind": "Agent", "metadata": {"name": "c"}}',
      'sub/notes.txt': 'not a manifest: {',
      '.hidden.yaml': agent('hidden'),
      '.git/d.yaml': agent('d'),
      'node_modules/e.yaml': agent('e'),
    });
    const { documents, problems } = await readManifests([root]);
    expect(problems).toEqual([]);
    expect(documents.map(({ file }) => path.relative(root, file))).toEqual(['a.yml', 'b.yaml', 'sub/c.json']);
  });

  it('are read through links to files, and not through links to folders', async () => {
    const root = await folderWith({ 'a.yaml': agent('a') });
    const linked = await folderWith({});
    await symlink(path.join(root, 'a.yaml'), path.join(linked, 'link.yaml'));
    await symlink(linked, path.join(linked, 'round'));
    expect((await readManifests([linked])).documents).toHaveLength(1);
  });

  it('are read once when two paths name them', async () => {
    const root = await folderWith({ 'a.yaml': agent('a') });
    const { documents, problems } = await readManifests([root, path.join(root, 'a.yaml')]);
    expect([documents.length, problems.length]).toEqual([1, 0]);
  });

  it('that are not there are a problem', async () => {
    const { problems } = await readManifests(['/no/such/place']);
    expect(problems).toEqual([
      expect.objectContaining({ file: '/no/such/place', reason: 'NotFound', cure: 'check the path' }),
    ]);
  });
});

describe('a manifest file', () => {
  it('gives each document with its line, and each object of a List', async () => {
    const text = `# comment\n---\n${agent('a')}---\n\n---\napiVersion: v1\nkind: List\nitems:\n  - ${agent('b').trim().replaceAll('\n', '\n    ')}\n  - {apiVersion: v1, kind: Secret, metadata: {name: s}}\n`;
    const { documents } = await read(text);
    expect(documents.map(({ line, apiVersion }) => [line, apiVersion])).toEqual([
      [3, 'talaria.dev/v1alpha1'],
      [13, 'talaria.dev/v1alpha1'],
      [17, 'v1'],
    ]);
    expect(documents[1]?.lineOf('metadata.name')).toBe(16);
  });

  it('tells the line of a field, and of the nearest one around a field that is missing', async () => {
    const text = `${agent('a')}spec:\n  skills:\n    - name: one\n      inline: x\n    - name: two\n  tools: {builtin: [files]}\n`;
    const [document] = (await read(text)).documents;
    const lines = [
      '',
      'metadata.name',
      'spec.skills',
      'spec.skills[1]',
      'spec.skills[1].inline',
      'spec.tools.builtin[0]',
      'spec.model',
    ];
    expect(lines.map((field) => document?.lineOf(field))).toEqual([1, 4, 6, 9, 9, 10, 5]);
  });

  it('is read as kubectl reads it', async () => {
    const text = `${agent('a')}spec:\n  words: [yes, No, on, OFF, y, ~, "yes"]\n  numbers: [0755, 0x1F, 1_000, 1e3, -0]\n  texts: [12:30, 2026-01-02, 2026-01-02T03:04:05Z, 1.2.3, =]\n`;
    const [document] = (await read(text)).documents;
    expect(document?.value).toMatchObject({
      spec: {
        words: [true, false, true, false, true, null, 'yes'],
        numbers: [493, 31, 1000, 1000, 0],
        texts: ['12:30', '2026-01-02', '2026-01-02T03:04:05Z', '1.2.3', '='],
      },
    });
  });

  it('keeps every digit of a large number', async () => {
    const [document] = (await read(`${agent('a')}spec: [9007199254740991, 9007199254740993]\n`)).documents;
    expect(document?.value).toMatchObject({ spec: [9007199254740991, 9007199254740993n] });
  });

  it.each([
    [
      'a key that stands twice',
      `${agent('a')}spec:\n  default: true\n  default: false\n`,
      7,
      'Map keys must be unique',
    ],
    ['a bracket that is not closed', `${agent('a')}spec:\n  skills: [\n`, 7, 'Flow sequence'],
    ['a tab in the indentation', `${agent('a')}spec:\n\tdefault: true\n`, 6, 'Tabs are not allowed'],
    ['a tag that nobody knows', `${agent('a')}spec: !!python/object x\n`, 5, 'Unresolved tag'],
    ['an alias of nothing', `${agent('a')}---\n${agent('b')}spec: *nothing\n`, 6, 'Unresolved alias'],
  ])('with %s is a problem with its line, and gives no document', async (_, text, line, message) => {
    const { documents, problems } = await read(text);
    expect(documents).toEqual([]);
    expect(problems[0]).toMatchObject({ line, message: expect.stringContaining(message) });
  });

  it('whose aliases stand for gigabytes is a problem', async () => {
    const level = (name: string, of: string) =>
      `${name}: &${name} [${Array.from({ length: 9 }, () => of).join(', ')}]\n`;
    const names = [...'abcdefghij'];
    const text = names.map((name, index) => level(name, index === 0 ? 'lol' : `*${names[index - 1]}`)).join('');
    const { documents, problems } = await read(text);
    expect(documents).toEqual([]);
    expect(problems[0]?.message).toContain('Excessive alias count');
  });

  it('with objects of other groups gives them apart, and what does not say what it is with ours', async () => {
    const { documents, ignored } = await read(
      'apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\n---\nreplicas: 2\n---\napiVersion: talaria.dev/v2\nkind: Agnet\n',
    );
    expect(ignored.map(({ apiVersion }) => apiVersion)).toEqual(['batch/v1']);
    expect(documents.map(({ apiVersion }) => apiVersion)).toEqual(['', 'talaria.dev/v2']);
  });

  it('with an object that stands in another file too is a problem that names both', async () => {
    const root = await folderWith({ 'a.yaml': agent('a'), 'b.yaml': `${agent('b')}---\n${agent('a')}` });
    const { problems } = await readManifests([root]);
    expect(problems).toEqual([
      expect.objectContaining({
        file: path.join(root, 'b.yaml'),
        line: 6,
        message: `Agent/a is also in ${root}/a.yaml:1`,
      }),
    ]);
  });

  it('with objects of one name in two namespaces is fine', async () => {
    const [one, two] = ['one', 'two'].map((namespace) => `${agent('a')}  namespace: ${namespace}\n`);
    expect((await read(`${one}---\n${two}`)).problems).toEqual([]);
  });
});

let count = 0;

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  count += 1;
  const root = path.join(folder, String(count));
  await mkdir(root);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), text);
  }
  return root;
}

async function read(text: string) {
  return readManifests([await folderWith({ 'manifest.yaml': text })]);
}
