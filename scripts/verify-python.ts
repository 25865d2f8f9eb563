/**
 * `npm run verify:python`: the official OpenAI SDK for Python, unchanged, against a gateway on PostgreSQL with a model
 * server that the checks direct. Prints a line for each check and the counts.
 */
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { startTestGateway } from '../test/harness/gateway.ts';
import { type MockModel, type ModelBehaviour, startMockModel } from '../test/harness/mock-model.ts';
import { startPostgres } from '../test/harness/postgres.ts';
import { createChecks } from './verify/checks.ts';
import { pythonWith } from './verify/python-packages.ts';

const python = await pythonWith(['openai==3.54.0']);
const checks = createChecks();
const [postgres, mock] = await Promise.all([startPostgres(), startMockModel()]);
const database = await postgres.createDatabase();
const control = await serveControl(mock);
const gateway = await startTestGateway({
  databaseUrl: database.url,
  serves: {
    agents: [
      {
        name: 'coder',
        default: true,
        displayName: 'Coder',
        model: { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL },
        apiKeys: ['key-of-coder'],
      },
      { name: 'writer' },
    ],
    gatewayKeys: [{ name: 'all', key: 'key-of-all' }],
  },
});
try {
  await runChecks(path.join(import.meta.dirname, 'verify', 'openai_sdk.py'));
} finally {
  await gateway.stop();
  control.close();
  await Promise.all([mock.stop(), postgres.stop()]);
}
checks.finish();

/** The checks print `ok   title` or `FAIL title: reason`; a run that breaks off counts as one more failure. */
async function runChecks(file: string): Promise<void> {
  const { port } = control.address() as AddressInfo;
  const child = spawn(python, ['-u', file, `${gateway.url}/v1`, `http://127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    process.stdout.write(`${line}\n`);
    checks.count(line.startsWith('ok ') ? 1 : 0, line.startsWith('FAIL ') ? 1 : 0);
  }
  if ((await ended) !== 0) checks.count(0, 1);
}

/** `POST /next` queues behaviours of the model server; `GET /asked` tells how often it was asked, and what last. */
async function serveControl(model: MockModel): Promise<Server> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.url === '/next') model.next(...(JSON.parse(body) as ModelBehaviour[]));
    const last = model.requests.at(-1);
    response.end(JSON.stringify({ count: model.requests.length, last: last?.body, aborted: last?.aborted() ?? false }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
