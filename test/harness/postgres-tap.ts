import { type AddressInfo, connect, createServer } from 'node:net';

/** Stands between a client and a PostgreSQL server and counts round trips on the wire. */
export interface PostgresTap {
  /** The server's URL with the tap's address in it. */
  readonly url: string;
  /** How often the server said so far that it is ready for the next query, the log-in of connections included. */
  readonly roundTrips: () => number;
  readonly stop: () => Promise<void>;
}

/** Starts one in front of the server that `serverUrl` names. */
export async function startPostgresTap(serverUrl: string): Promise<PostgresTap> {
  const target = new URL(serverUrl);
  let count = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const see = createMessageCounter(() => {
      count += 1;
    });
    upstream.on('data', (bytes) => {
      see(bytes);
      client.write(bytes);
    });
    client.on('data', (bytes) => upstream.write(bytes));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    roundTrips: () => count,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Walks over the messages (one type byte, four length bytes) and reports each ReadyForQuery. */
function createMessageCounter(onReady: () => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 5) {
      const length = 1 + rest.readUInt32BE(1);
      if (rest.length < length) return;
      if (rest[0] === 0x5a) onReady();
      rest = rest.subarray(length);
    }
  };
}
