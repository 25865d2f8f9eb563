import { type AddressInfo, connect } from 'node:net';
import { promisify } from 'node:util';
import { fastify } from 'fastify';
import { Registry } from 'prom-client';
import { afterEach, expect, it } from 'vitest';
import { createTableHolder } from '../../../../../gateway/config/table.ts';
import type { Database } from '../../../../../gateway/db/pool.ts';
import { createOpenStreams } from '../../../../../gateway/ingress/open-streams.ts';
import { addRunEvents } from '../../../../../gateway/ingress/runs/run-events.ts';
import { configuration } from '../../../../harness/entries.ts';
import { waitFor } from '../../../../harness/wait-for.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(() => Promise.all(stops.splice(0).map((stop) => stop())));

/** Serves the route with a database that answers when it is told to, and then says that the run goes on. */
async function serve() {
  const answers: (() => void)[] = [];
  const prepared = () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    answers.push(() => resolve({ rows: [row] }));
    return promise;
  };
  const tables = createTableHolder();
  await tables.swap(configuration({ agents: [{ name: 'main' }] }));
  const registry = new Registry();
  const app = fastify();
  app.decorateRequest('admission', null);
  app.addHook('onRequest', async (request) => {
    request.facts = {};
  });
  addRunEvents(app, {
    tables,
    keyless: true,
    database: { prepared } as unknown as Database,
    hints: { follow: () => ({ next: async () => undefined, [Symbol.dispose]: () => undefined }) },
    streams: createOpenStreams(1, registry),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  stops.push(() => app.close());
  const openStreams = async () => /open_streams (\d+)/.exec(await registry.metrics())?.[1];
  const connections = () => promisify(app.server.getConnections.bind(app.server))();
  return { port: (app.server.address() as AddressInfo).port, answers, openStreams, connections };
}

const row = {
  ...{ id: '00000000-0000-7000-8000-000000000000', agent: 'main', route: '', rule: '', session_id: null },
  ...{ response_id: null, status: 'running', attempt: 1, input: [], output: [], finish_reason: null, usage: null },
  ...{ model: null, cost: null, currency: null, error_code: null, error_message: null },
  ...{ created_at: new Date(0), started_at: new Date(0), finished_at: null },
};

it('a client that goes away while its run is looked up leaves no stream counted', async () => {
  const { port, answers, openStreams, connections } = await serve();
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  socket.write('GET /v1/runs/run_00000000000070008000000000000000/events HTTP/1.1\r\nHost: g\r\n\r\n');
  await waitFor('the run to be looked up', () => answers.length === 1);
  socket.resetAndDestroy();
  await waitFor('the connection to be gone', async () => (await connections()) === 0);
  answers[0]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await openStreams()).toBe('0');
});
