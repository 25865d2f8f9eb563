import { readFileSync } from 'node:fs';
import { chmod, cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type DevProcess, startDev } from '../../harness/dev-process.ts';
import { runProgram } from '../../harness/run-program.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { storeDelivery } from '../delivery/stored-deliveries.ts';
import { createState, type TestState } from '../schedule/state.ts';

const root = path.join(import.meta.dirname, '../../..');
const pages = ['cli', 'chat', 'doctor', 'migration-hermes', 'migration-openclaw'].map((name) => `docs/${name}.md`);
const examples = pages.flatMap((page) => {
  const text = readFileSync(path.join(root, page), 'utf8');
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
});

let state: TestState;
let folder: string;
let dev: DevProcess;
beforeAll(async () => {
  state = await createState();
  // The database becomes that of the process which is about to start.
  await state.rows('delete from installation');
  folder = await temporaryFolder('cli-page');
  const talaria = path.join(folder, 'talaria');
  await writeFile(talaria, `#!/bin/sh\nexec "${process.execPath}" "${root}/cli/main.ts" "$@"\n`);
  await chmod(talaria, 0o755);
  await cp(path.join(root, 'examples/quickstart'), path.join(folder, 'quickstart'), { recursive: true });
  for (const other of ['hermes', 'openclaw']) {
    const home = path.join(root, 'test/testdata/import', other, 'home');
    await cp(home, path.join(folder, `.${other}`), { recursive: true });
  }
  const kept = path.join(folder, '.talaria/quickstart');
  dev = await startDev([path.join(folder, 'quickstart'), '--port', '0', '--state', kept, '--database-url', state.url]);
  await storeDelivery(state, { status: 'dead' });
});
afterAll(async () => {
  await dev?.kill();
  await state.drop();
  await rm(folder, { recursive: true, force: true });
});

it('the pages of the command line have examples', () => {
  expect(examples.length).toBeGreaterThan(5);
});

it.each(examples)('this example of the pages of the command line gives what it says: %s', async (example) => {
  const expected = [...example.matchAll(/#> (.*)$/gm)].map((match) => match[1] ?? '');
  const script = example.replaceAll('http://127.0.0.1:8642', dev.address).replaceAll(/ #> .*$/gm, '');
  const env = { PATH: `${folder}:${process.env.PATH}`, HOME: folder };
  const stdout = await runProgram('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env });
  expect(expected.length).toBeGreaterThan(0);
  for (const text of expected) expect(stdout).toContain(text);
});
