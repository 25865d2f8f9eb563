import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlPlaneBinaries, helmBinary } from '../harness/binaries.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { foreignKinds } from '../harness/foreign-kinds.ts';
import { chartFolder, helm, objectsOf, renderChart } from '../harness/helm.ts';
import { runProgram } from '../harness/run-program.ts';
import { temporaryFolder } from '../harness/temporary-folder.ts';

const root = path.join(import.meta.dirname, '..', '..');
const page = readFileSync(path.join(root, 'docs', 'production.md'), 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] ?? '');

describe('the page about production', () => {
  it('has values and commands', () => {
    expect(blocks('yaml').length).toBeGreaterThan(6);
    expect(blocks('sh').length).toBeGreaterThan(2);
  });

  it.each(blocks('yaml'))('has values that the chart takes, and that change something: %s', async (values) => {
    const rendered = await helm(
      ['template', 'talaria', chartFolder, '--namespace', 'demo', '-f', '-'],
      undefined,
      values,
    );
    expect(rendered).not.toBe(await renderChart('demo', []));
    for (const object of objectsOf(rendered)) foreignKinds[object.kind]?.parse(object);
  });
});

describe('the commands of the page about production', () => {
  let controlPlane: ControlPlane;
  let home: string;

  beforeAll(async () => {
    [controlPlane, home] = await Promise.all([startControlPlane(), temporaryFolder('production-page')]);
  });
  afterAll(async () => {
    await controlPlane.stop();
    await rm(home, { recursive: true });
  });

  it.each(blocks('sh'))('work one after the other, and give what they say: %s', async (example) => {
    const expected = [...example.matchAll(/#> (.*)$/gm)].map((match) => match[1] ?? '');
    // Nothing runs pods here, so that there is nothing to wait for.
    const script = example.replaceAll(/ #> .*$/gm, '').replaceAll(' --wait', '');
    const folders = [await helmBinary(), (await controlPlaneBinaries()).kubectl].map((file) => path.dirname(file));
    const env = { PATH: [...folders, process.env.PATH].join(':'), HOME: home, KUBECONFIG: controlPlane.kubeconfig };
    const stdout = await runProgram('bash', ['-euo', 'pipefail', '-c', script], { cwd: root, env });
    expect(expected.filter((text) => !stdout.includes(text))).toEqual([]);
  });
});
