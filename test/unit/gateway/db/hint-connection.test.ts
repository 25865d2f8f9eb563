import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createHintConnection, type HintConnection } from '../../../../gateway/db/hint-connection.ts';
import { waitFor } from '../../../harness/wait-for.ts';

/** Takes connections and never says a word, like a server behind a network that lost them. */
let silent: Server;
let open: Set<Socket>;
let attempts: number;
let lost: unknown[];
let connection: HintConnection;
beforeEach(async () => {
  open = new Set();
  attempts = 0;
  lost = [];
  silent = createServer((socket) => {
    open.add(socket);
    attempts += 1;
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  connection = make(`postgres://talaria@127.0.0.1:${(silent.address() as AddressInfo).port}/talaria`);
});
afterEach(async () => {
  await connection.stop();
  await new Promise((resolve) => silent.close(resolve));
});

it('a server that never answers is given up and tried again', async () => {
  connection.start();
  await waitFor('the loss', () => lost.length > 0);
  expect(connection.isListening()).toBe(false);
  await waitFor('another attempt', () => attempts === 2);
});

it('a stop does not wait for a server that never answers, and leaves no connection', async () => {
  connection.start();
  await waitFor('an attempt', () => open.size === 1);
  await connection.stop();
  await waitFor('the end of the connection', () => open.size === 0);
  expect(lost).toEqual([]);
});

it('a URL that is none is a loss and no crash', async () => {
  const other = make('postgres://talaria:secret@[/talaria');
  other.start();
  await waitFor('the loss', () => lost.length > 0);
  await other.stop();
  expect(lost[0]).toBeInstanceOf(Error);
  expect(String(lost[0])).not.toContain('secret');
});

function make(directUrl: string): HintConnection {
  return createHintConnection({
    directUrl,
    channel: 'talaria_hints',
    onPayload: () => undefined,
    onListening: () => undefined,
    onLost: (error) => lost.push(error),
  });
}
