import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../cli/dev/embedded-postgres.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A PostgreSQL server of the tests. */
export interface TestPostgres {
  /** URL of its database `postgres`. */
  readonly url: string;
  readonly createDatabase: () => Promise<TestDatabase>;
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly restart: () => Promise<void>;
  /** As `kill -9`. */
  readonly kill: () => Promise<void>;
}

/** An empty database of one test. */
export interface TestDatabase {
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/** Starts a PostgreSQL server for tests that stop, kill or restart it; others share the one of the global setup. */
export async function startPostgres(): Promise<TestPostgres> {
  const directory = await temporaryFolder('postgres');
  const server = await startEmbeddedPostgres({ directory, durable: false });
  return {
    url: server.url(),
    createDatabase: () => createDatabase(server.url()),
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
    start: server.start,
    restart: async () => {
      await server.stop();
      await server.start();
    },
    kill: server.kill,
  };
}

/** Makes an empty database on the server that `url` names. */
export async function createDatabase(url: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await execute(url, `create database ${name}`);
  const database = new URL(url);
  database.pathname = `/${name}`;
  return { url: database.href, drop: () => execute(url, `drop database if exists ${name} with (force)`) };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
