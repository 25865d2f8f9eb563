import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf, type JudgedObject, validate } from '../../../cli/validation.ts';
import { verdictCases } from '../../testdata/verdicts/all.ts';
import { withDigits } from '../../testdata/verdicts/digits.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'talaria-validate-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('talaria validate on the table of manifests', () => {
  const judged = new Map<string, JudgedObject>();
  const fileOf = (index: number) => path.join(folder, 'table', `${String(index).padStart(3, '0')}.json`);
  beforeAll(async () => {
    await mkdir(path.join(folder, 'table'));
    await mkdir(path.join(folder, 'stored'));
    for (const [index, { manifest, old }] of verdictCases.entries()) {
      await writeFile(fileOf(index), JSON.stringify(withDigits(manifest), null, 2));
      if (old !== undefined) await writeFile(fileOf(index).replace('/table/', '/stored/'), JSON.stringify(old));
    }
    const report = await validate([path.join(folder, 'table')], path.join(folder, 'stored'));
    for (const object of report.objects) judged.set(object.file, object);
  });

  it.each(verdictCases.map((one, index) => ({ ...one, index })))('$kind: $title: $verdict $field', (one) => {
    const object = judged.get(fileOf(one.index));
    expect(object?.verdict).toBe(one.verdict);
    const fields = object?.problems.map(({ path: field }) => field) ?? [];
    expect(fields).toEqual(one.verdict === 'Accepted' ? [] : expect.arrayContaining([one.field]));
  });
});

describe('what talaria validate prints', () => {
  const route = `# The team's routes.
apiVersion: talaria.dev/v1alpha1
kind: Route
metadata:
  name: team
spec:
  rules:
    - name: chat
      matches:
        - chatID: engineering
          userId: 123456789012345678901
      agentRefs: [{name: coder}]
`;
  const job = `apiVersion: talaria.dev/v1alpha1
kind: CronJob
metadata: {name: report}
spec:
  agentRef: {name: coder}
  prompt: {inline: Report.}
  schedule: 0 0 31 2 *
`;

  it('names file, line, object, field, problem and cure, and exits 1', async () => {
    const file = await write('broken.yaml', `${route}---\n${job}`);
    const { code, stdout } = await run([file]);
    expect(stdout.split('\n')).toEqual([
      `${file}:10: Refused Route/team: spec.rules[0].matches[0].chatID: unknown field "chatID"; did you mean chatId?`,
      `${file}:11: Refused Route/team: spec.rules[0].matches[0].userId: a text is needed, got the number 123456789012345678901 without quotes; quote it: "123456789012345678901"`,
      `${file}:20: NotAccepted CronJob/report: spec.schedule: schedule "0 0 31 2 *" names a day that never comes; correct day or month`,
      '0 accepted, 1 not accepted, 1 refused',
      '',
    ]);
    expect(code).toBe(1);
  });

  it('exits 1 for what is stored and not accepted', async () => {
    expect((await run([await write('never.yaml', job)])).code).toBe(1);
  });

  it('exits 0 when everything is accepted, and notes fields that do nothing yet', async () => {
    const agent =
      'apiVersion: talaria.dev/v1alpha1\nkind: Agent\nmetadata: {name: coder}\nspec: {tools: {builtin: [memory]}}\n';
    const file = await write('good.yaml', agent);
    const { code, stdout } = await run([file]);
    expect(stdout).toBe(
      `${file}:1: note: Agent/coder sets spec.tools.builtin[0]: stored, not acted on by this version\n1 accepted, 0 not accepted, 0 refused\n`,
    );
    expect(code).toBe(0);
  });

  it('is JSON with -o json', async () => {
    const file = await write('json.yaml', route);
    const { code, stdout } = await run([file, '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      objects: [
        {
          file,
          line: 2,
          object: 'Route/team',
          verdict: 'Refused',
          problems: [{ line: 10, cure: 'did you mean chatId?' }, { line: 11 }],
        },
      ],
      unreadable: [],
      ignored: [],
    });
    expect(code).toBe(1);
  });

  it('compares with the stored objects of --old', async () => {
    const agent = (size: string) =>
      `{"apiVersion": "talaria.dev/v1alpha1", "kind": "Agent", "metadata": {"name": "a"}, "spec": {"profile": {"volume": {"size": "${size}"}}}}`;
    const [now, before] = [await write('now.json', agent('2Gi')), await write('before.json', agent('1Gi'))];
    expect((await run([now])).code).toBe(0);
    const { code, stdout } = await run([now, '--old', before]);
    expect(stdout).toContain('Refused Agent/a: spec.profile.volume.size: size is immutable; write the old size');
    expect(code).toBe(1);
  });

  it.each([
    ['no path', []],
    ['a path that is not there', ['/no/such/folder']],
    ['an unknown option', ['--frobnicate', '.']],
    ['an unknown format', ['-o', 'xml', '.']],
  ])('exits 2 for %s', async (_, args) => {
    expect((await run(args)).code).toBe(2);
  });

  it('exits 2 for a folder without manifests', async () => {
    await mkdir(path.join(folder, 'empty'));
    const { code, stdout } = await run([path.join(folder, 'empty')]);
    expect(stdout).toBe('there are no manifests of Talaria here\n');
    expect(code).toBe(2);
  });

  it('says nothing about Secrets but their names and keys', async () => {
    const secret =
      'apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {key: "hunter2!", count: 5}\nstringdata: {}\n';
    const { code, stdout } = await run([await write('secret.yaml', secret)]);
    expect(stdout).toContain('data.key: the value is not base64');
    expect(stdout).toContain('data.count: a text is needed');
    expect(stdout).toContain('unknown field "stringdata"; did you mean stringData?');
    expect(stdout).not.toContain('hunter2');
    expect(code).toBe(1);
  });

  it('judges the examples as accepted', async () => {
    const report = await validate([path.join(import.meta.dirname, '..', '..', '..', 'examples')]);
    expect(report.objects.filter(({ verdict }) => verdict !== 'Accepted')).toEqual([]);
    expect(exitCodeOf(report)).toBe(0);
  });
});

async function write(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

/** Runs the command in a process of its own, as the `talaria` program mounts it. */
function run(args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  const module = path.join(import.meta.dirname, '..', '..', '..', 'cli', 'validate.ts');
  const program = `import(${JSON.stringify(module)}).then((m) => m.validateCommand().parseAsync(${JSON.stringify(args)}, { from: 'user' }))`;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['-e', program], (_, stdout) =>
      resolve({ code: child.exitCode ?? -1, stdout }),
    );
  });
}
