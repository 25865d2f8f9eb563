import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { asStateError } from './unavailable.ts';

const oldestServer = 150_000;
/** Any number that nothing else in the database locks. */
const migrationLock = 7_215_311_042;
const directory = new URL('./migrations/', import.meta.url);

/**
 * Brings the database to the schema that this version needs: every file of `migrations/` not yet applied, in the order of
 * their names, in one transaction that one gateway at a time may hold. Give the direct URL: a pooler may not be in
 * between. Gives the names of the files it applied. Throws `state_unavailable` when the server cannot be reached and an
 * Error with the cure when it is older than PostgreSQL 15.
 */
export async function migrate(directUrl: string): Promise<readonly string[]> {
  const client = new pg.Client({
    connectionString: directUrl,
    connectionTimeoutMillis: 3_000,
    query_timeout: 60_000,
    application_name: 'talaria-migrate',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await refuseOldServer(client);
    return await applyMissing(client);
  } catch (error) {
    throw asStateError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: string; text: string }>(
    `select current_setting('server_version_num') as number, current_setting('server_version') as text`,
  );
  const version = rows[0];
  if (version && Number(version.number) >= oldestServer) return;
  throw new Error(`PostgreSQL ${version?.text} is too old: use version 15 or newer`);
}

async function applyMissing(client: pg.Client): Promise<string[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  await client.query('begin');
  await client.query('select pg_advisory_xact_lock($1)', [migrationLock]);
  await client.query(
    'create table if not exists talaria_migrations (name text primary key, applied_at timestamptz not null default now())',
  );
  const { rows } = await client.query<{ name: string }>('select name from talaria_migrations');
  const applied = new Set(rows.map((row) => row.name));
  const missing = files.filter((name) => !applied.has(name));
  for (const name of missing) {
    await client.query(await readFile(new URL(name, directory), 'utf8'));
    await client.query('insert into talaria_migrations (name) values ($1)', [name]);
  }
  await client.query('commit');
  return missing;
}
