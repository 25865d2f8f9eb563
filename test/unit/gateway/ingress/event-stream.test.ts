import { type AddressInfo, connect } from 'node:net';
import { fastify } from 'fastify';
import { expect, it } from 'vitest';
import { createEventStream } from '../../../../gateway/ingress/event-stream.ts';
import { waitFor } from '../../../harness/wait-for.ts';

it('a stream that its client does not read is broken off after a while, during its events and after the last one', async () => {
  const app = fastify();
  const ends: string[] = [];
  app.get('/:kind', async (request, reply) => {
    const { kind } = request.params as { kind: string };
    const gone = new AbortController();
    reply.raw.once('close', () => {
      gone.abort();
      ends.push(kind);
    });
    const stream = createEventStream(reply, { clientSignal: gone.signal, opening: '', stalledMs: 200 });
    while (kind === 'endless' && !gone.signal.aborted) await stream.write('x'.repeat(100_000));
    stream.end('x'.repeat(20_000_000));
    return reply;
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const sockets = ['endless', 'ended'].map((kind) => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.pause();
    socket.write(`GET /${kind} HTTP/1.1\r\nHost: g\r\n\r\n`);
    return socket;
  });
  await waitFor('both connections to be broken off', () => ends.length === 2);
  expect(ends.sort()).toEqual(['ended', 'endless']);
  for (const socket of sockets) socket.destroy();
  await app.close();
});

it('a stream that is read slowly, and whose events come seldom, goes on', async () => {
  const app = fastify();
  app.get('/', async (_request, reply) => {
    const stream = createEventStream(reply, {
      clientSignal: new AbortController().signal,
      opening: '',
      stalledMs: 1_500,
    });
    for (let at = 0; at < 4; at += 1) {
      await stream.write(`${at}`.repeat(3_000_000));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    stream.end('');
    return reply;
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  let length = 0;
  for await (const piece of (await fetch(url)).body ?? []) {
    length += piece.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(length).toBe(12_000_000);
  await app.close();
});
