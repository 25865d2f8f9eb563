import { createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createLogger } from '../../../../core/lib/log.ts';
import { createDatabase } from '../../../../gateway/db/pool.ts';

it('a server that goes away as soon as it took a connection fails the transaction, and nothing else', async () => {
  await using server = await startDyingServer();
  const log = createLogger('test', 'silent');
  const database = createDatabase({ url: server.url, directUrl: server.url, log, maxConnections: 1 });
  const failure = await database.transaction(async () => undefined).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'state_unavailable' });
  await database.stop();
});

/** Speaks just enough of PostgreSQL: it takes each connection and ends it, both in one packet. */
async function startDyingServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([accepted, ready, shuttingDown])));
  });
  const address = await new Promise<{ port: number }>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address() as { port: number }));
  });
  return {
    url: `postgres://nobody@127.0.0.1:${address.port}/nothing`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** One message: its type, its length with the length's own four bytes, and what it says. */
function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const accepted = message('R', Buffer.alloc(4));
const ready = message('Z', Buffer.from('I'));
const shuttingDown = message(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'),
);
