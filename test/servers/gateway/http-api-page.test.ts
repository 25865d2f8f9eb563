import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { runProgram } from '../../harness/run-program.ts';
import { createState, type TestState } from '../schedule/state.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../docs/http-api.md'), 'utf8');
const examples = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

let state: TestState;
let gateway: TestGateway;
beforeAll(async () => {
  state = await createState();
  const serves = { agents: [{ name: 'concierge', default: true }] };
  gateway = await startTestGateway({ databaseUrl: state.url, standalone: true, serves });
});
afterAll(async () => {
  await gateway.stop();
  await state.drop();
});

it('the page of the HTTP API has examples', () => {
  expect(examples.length).toBeGreaterThan(3);
});

it.each(examples)('this example of the page of the HTTP API gives what it says: %s', async (example) => {
  const expected = [...example.matchAll(/#> (.*)$/gm)].map((match) => match[1] ?? '');
  const script = example.replaceAll('http://127.0.0.1:8642', gateway.url).replaceAll(/ #> .*$/gm, '');
  const stdout = await runProgram('bash', ['-euo', 'pipefail', '-c', script]);
  expect(expected.length).toBeGreaterThan(0);
  for (const text of expected) expect(stdout).toContain(text);
});
