/**
 * `npm run verify:fuzz [-- SECONDS [CASES]]`: a schema-driven fuzzer against every operation that `/openapi.json` of a
 * running gateway lists, with what is stored in PostgreSQL and a model server behind it. Finds answers of the gateway that
 * are a failure of its own, or that the document does not describe. Default: 180 s, 60 cases of each operation.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { startTestGateway } from '../test/harness/gateway.ts';
import { startMockModel } from '../test/harness/mock-model.ts';
import { startPostgres } from '../test/harness/postgres.ts';
import { temporaryFolder } from '../test/harness/temporary-folder.ts';
import { createChecks } from './verify/checks.ts';
import { pythonWith } from './verify/python-packages.ts';

const [seconds = '180', cases = '60'] = process.argv.slice(2);
const python = await pythonWith(['schemathesis==4.32.5']);
const checks = createChecks();
const [postgres, mock] = await Promise.all([startPostgres(), startMockModel()]);
const database = await postgres.createDatabase();
const gateway = await startTestGateway({
  databaseUrl: database.url,
  serves: {
    agents: [
      { name: 'echo', default: true },
      { name: 'remote', model: { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } },
      { name: 'asleep', refuse: 'agent_suspended' },
    ],
    routes: { pets: [{ match: { chatId: 'pets' }, to: { echo: 1, remote: 1 } }] },
    gatewayKeys: [{ name: 'fuzz', key: 'fuzz', role: 'admin' }],
  },
});
try {
  await seed();
  const { code, output } = await run(python, fuzzerArguments());
  const [, cases = '0', found = '0'] = /(\d+) generated(?:, (\d+) found)?/.exec(output) ?? [];
  checks.count(Number(cases) - Number(found), Number(found));
  await checks.check('the fuzzer came to its end and found nothing', () => {
    if (code !== 0) throw new Error(`it ended with ${code}; see above`);
    return undefined;
  });
  await checks.check('the gateway still answers', async () => {
    const response = await fetch(`${gateway.url}/readyz`);
    if (response.status !== 200) throw new Error(`/readyz is ${response.status}`);
    return undefined;
  });
} finally {
  await gateway.stop();
  await Promise.all([mock.stop(), postgres.stop()]);
}
checks.finish();

/** A session and a run, so that lists are not empty. */
async function seed(): Promise<void> {
  const post = (where: string, body: object, headers: Readonly<Record<string, string>>) =>
    fetch(`${gateway.url}${where}`, {
      method: 'POST',
      headers: { authorization: 'Bearer fuzz', 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const turn = { model: 'talaria/remote', messages: [{ role: 'user', content: 'hello' }] };
  const answers = [
    await post('/v1/chat/completions', turn, { 'x-talaria-session-id': 'seeded' }),
    await post('/v1/runs', { input: 'hello' }, { 'x-talaria-session-id': 'seeded' }),
  ];
  const refused = answers.find(({ ok }) => !ok);
  if (refused) throw new Error(`the gateway refused to be seeded: ${refused.status} ${await refused.text()}`);
}

function fuzzerArguments(): string[] {
  return [
    ...['-m', 'schemathesis.cli', '--config-file', path.join(import.meta.dirname, 'verify', 'schemathesis.toml')],
    ...['run', `${gateway.url}/openapi.json`, '--header', 'Authorization: Bearer fuzz'],
    ...['--max-time', seconds, '--max-examples', cases, '--continue-on-failure', '--request-timeout', '30'],
  ];
}

/** Runs a program to its end, in a folder of its own, where it leaves what it found, and shows what it says. */
async function run(file: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const cwd = await temporaryFolder('fuzz');
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => child.on('exit', resolve).on('error', reject));
  let output = '';
  for await (const piece of child.stdout.setEncoding('utf8')) {
    process.stdout.write(String(piece));
    output += String(piece);
  }
  return { code: await ended, output };
}
