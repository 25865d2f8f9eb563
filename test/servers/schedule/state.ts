import pg from 'pg';
import { inject } from 'vitest';
import { migrate } from '../../../gateway/db/migrate.ts';
import { createDatabase } from '../../harness/postgres.ts';

/** A migrated database of one test, and a look into it. */
export interface TestState {
  readonly url: string;
  /** The rows of a statement. */
  readonly rows: <Row = Record<string, unknown>>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;
  /** Moves `talaria_now()` by this much from where it is. */
  readonly moveClock: (seconds: number) => Promise<void>;
  readonly drop: () => Promise<void>;
}

/** Makes a state on the server of the global setup, or on the one that `serverUrl` names. */
export async function createState(serverUrl: string = inject('postgresUrl')): Promise<TestState> {
  const database = await createDatabase(serverUrl);
  await migrate(database.url);
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => undefined);
  const rows: TestState['rows'] = async <Row>(text: string, values: readonly unknown[] = []) =>
    (await pool.query(text, [...values])).rows as Row[];
  await rows(`insert into installation (namespace_uid) values ('test')`);
  return {
    url: database.url,
    rows,
    moveClock: async (seconds) => {
      await rows('update installation set clock_offset = clock_offset + make_interval(secs => $1)', [seconds]);
    },
    drop: async () => {
      await pool.end();
      await database.drop();
    },
  };
}
