import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import type { Logger } from '../../core/lib/log.ts';
import { asStateError } from './unavailable.ts';

/** What one statement gave. `rowCount` is 0 for statements without rows. */
export interface SqlResult<Row> {
  readonly rows: readonly Row[];
  readonly rowCount: number;
}

/** Runs statements on one connection, inside the transaction that `Database.transaction` opened. */
export interface SqlClient {
  readonly query: <Row = Record<string, unknown>>(text: string, values?: readonly unknown[]) => Promise<SqlResult<Row>>;
}

/**
 * The gateway's state in PostgreSQL. Every call ends within its deadline; when the database cannot be used right now the
 * error is TalariaError `state_unavailable`, any other failure is pg's own error. int8 and numeric come back as strings.
 */
export interface Database extends SqlClient {
  /** Like `query`, with a plan that each connection keeps under `name`; a name stands for one text for ever. */
  readonly prepared: <Row = Record<string, unknown>>(
    name: string,
    text: string,
    values?: readonly unknown[],
  ) => Promise<SqlResult<Row>>;
  /** Commits what `work` did when it resolves and rolls back when it throws; its error comes through. */
  readonly transaction: <T>(work: (client: SqlClient) => Promise<T>) => Promise<T>;
  /** Waits for open calls and closes every connection. */
  readonly stop: () => Promise<void>;
}

export interface DatabaseOptions {
  /** May go through a pooler in transaction mode; then nothing is kept on a connection between statements. */
  readonly url: string;
  /** Reaches the server itself. Equal to `url` where there is no pooler. */
  readonly directUrl: string;
  readonly log: Logger;
  readonly maxConnections?: number;
}

const connectTimeoutMs = 3_000;
const statementTimeoutMs = 5_000;

/** Opens a pool of connections as they are needed. Never throws and never connects by itself. */
export function createDatabase(options: DatabaseOptions): Database {
  const pooled = options.url !== options.directUrl;
  const pool = openPool(options, pooled);
  // A connection outlives the turn that opened it, and so must not be bound to its agent.
  const outside = AsyncLocalStorage.snapshot();
  const run = async <Row>(query: pg.QueryConfig): Promise<SqlResult<Row>> => {
    try {
      return shape<Row>(await outside(() => pool.query(query)));
    } catch (error) {
      throw asStateError(error);
    }
  };
  return {
    query: (text, values = []) => run({ text, values: [...values] }),
    prepared: (name, text, values = []) => run({ ...(pooled ? {} : { name }), text, values: [...values] }),
    transaction: (work) => inTransaction(pool, work),
    stop: () => pool.end(),
  };
}

/** The same database, but every call first runs `check`, which throws while the database may not be used. */
export function guardDatabase(database: Database, check: () => void): Database {
  return {
    query: async (text, values) => {
      check();
      return database.query(text, values);
    },
    prepared: async (name, text, values) => {
      check();
      return database.prepared(name, text, values);
    },
    transaction: async (work) => {
      check();
      return database.transaction(work);
    },
    stop: database.stop,
  };
}

function openPool(options: DatabaseOptions, pooled: boolean): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // The process's own deadline stands above the server's, so that a server that answers in time ends the statement.
    query_timeout: statementTimeoutMs + 1_000,
    application_name: 'talaria-gateway',
    // A pooler refuses start-up parameters that it does not know.
    ...(pooled ? {} : { statement_timeout: statementTimeoutMs }),
  });
  // A connection may break before whoever asked for it listens; an error that nobody hears would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  pool.on('error', (error) => options.log.warn({ error: error.message }, 'an idle database connection broke'));
  return pool;
}

async function inTransaction<T>(pool: pg.Pool, work: (client: SqlClient) => Promise<T>): Promise<T> {
  const connection = await pool.connect().catch((error: unknown) => {
    throw asStateError(error);
  });
  let broken: Error | undefined;
  const onError = (error: Error) => {
    broken = error;
  };
  connection.on('error', onError);
  try {
    await connection.query(`begin; set local statement_timeout = ${statementTimeoutMs}`);
    const result = await work(transactionClient(connection));
    await connection.query('commit');
    return result;
  } catch (error) {
    // A connection whose rollback fails is in an unknown state and must not be used again.
    await connection.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw asStateError(error);
  } finally {
    connection.off('error', onError);
    connection.release(broken);
  }
}

function transactionClient(connection: pg.PoolClient): SqlClient {
  return {
    query: async <Row>(text: string, values: readonly unknown[] = []) =>
      shape<Row>(await connection.query({ text, values: [...values] })),
  };
}

function shape<Row>(result: pg.QueryResult): SqlResult<Row> {
  return { rows: result.rows as Row[], rowCount: result.rowCount ?? 0 };
}
