import { TalariaError } from '../../core/lib/errors.ts';
import type { Database, SqlClient } from '../db/pool.ts';
import { homePath } from '../files/path.ts';
import { FileRefused } from '../files/refusal.ts';
import { refusing } from '../files/row-workspace.ts';
import type { FileOwner } from '../files/workspace.ts';
import { storable } from '../sessions/storable.ts';
import type { ContentLine, FileLine, ItemLine, SeedLine, SessionLine } from './lines.ts';

/** How many of the lines were new; all others were there already and stayed as they are. */
export interface Imported {
  readonly files: number;
  readonly sessions: number;
  readonly items: number;
}

/**
 * Writes some lines of an archive for an Agent's name, all or none. It adds what is missing and changes nothing: a file of the
 * same path, a session of the same id, or a live one of the same chat or name stays. Importing twice gives the same as once.
 * Throws `invalid_request` for a file that the home cannot take, and for what the database cannot.
 */
export async function importLines(
  database: Database,
  owner: FileOwner,
  lines: readonly ContentLine[],
): Promise<Imported> {
  try {
    return await database.transaction(async (client) => ({
      files: await importFiles(client, owner, ofType(lines, 'file'), ofType(lines, 'seed')),
      sessions: await importSessions(client, owner, ofType(lines, 'session')),
      items: await importItems(client, owner, ofType(lines, 'item')),
    }));
  } catch (error) {
    if (!isRefusedValue(error)) throw error;
    const message = 'The archive holds a value that cannot be stored. Give what an export printed, unchanged.';
    throw new TalariaError('invalid_request', message, { cause: error });
  }
}

/** The classes `data exception` and `integrity constraint violation` of PostgreSQL: a date out of range, a NUL. */
function isRefusedValue(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^2[23]...$/.test(String(error.code));
}

function ofType<T extends ContentLine['type']>(
  lines: readonly ContentLine[],
  type: T,
): readonly Extract<ContentLine, { type: T }>[] {
  return lines.filter((line): line is Extract<ContentLine, { type: T }> => line.type === type);
}

async function importFiles(
  client: SqlClient,
  { name, uid }: FileOwner,
  files: readonly FileLine[],
  seeds: readonly SeedLine[],
): Promise<number> {
  let written = 0;
  try {
    await client.query('select lock_files(of_agent => $1)', [name]);
    for (const { path, content } of files) {
      const values = [name, uid, homePath(path), Buffer.from(content, 'base64')];
      const { rows } = await refusing(() => client.query<{ outcome: string }>(fileStatement, values));
      if (rows[0]?.outcome === 'written') written += 1;
    }
    await client.query(seedsStatement, [name, uid, seeds.map(({ path }) => homePath(path))]);
    return written;
  } catch (error) {
    if (!(error instanceof FileRefused)) throw error;
    throw new TalariaError('invalid_request', `The files cannot be imported: ${error.message}.`, { cause: error });
  }
}

const fileStatement = `
  select w.outcome from write_file(of_agent => $1, of_agent_uid => $2, at_path => $3, new_content => $4) w
  where not exists (select from files f where f.agent = $1 and f.path = $3)`;

const seedsStatement = `
  insert into seeded_files (agent, agent_uid, path)
  select $1, $2, path from unnest($3::text[]) as seeded (path) on conflict do nothing`;

async function importSessions(
  client: SqlClient,
  { name, uid }: FileOwner,
  sessions: readonly SessionLine[],
): Promise<number> {
  return (await client.query(sessionsStatement, [name, uid, JSON.stringify(storable(sessions))])).rowCount;
}

const sessionsStatement = `
  insert into sessions (id, agent, agent_uid, platform, account, chat_type, chat_id, thread_id, user_id, principal, name,
    title, parent_id, last_seq, created_at, last_active_at, ended_at)
  select l.id, $1, $2, l.platform, l.account, l.chat_type, l.chat_id, l.thread_id, l.user_id, l.principal, l.name,
    l.title, l.parent_id, l.last_seq, l.created_at, l.last_active_at, l.ended_at
  from jsonb_to_recordset($3::jsonb) as l (id uuid, platform text, account text, chat_type text, chat_id text,
    thread_id text, user_id text, principal text, name text, title text, parent_id uuid, last_seq bigint,
    created_at timestamptz, last_active_at timestamptz, ended_at timestamptz)
  on conflict do nothing`;

async function importItems(client: SqlClient, { name }: FileOwner, items: readonly ItemLine[]): Promise<number> {
  return (await client.query(itemsStatement, [name, JSON.stringify(storable(items))])).rowCount;
}

/** Nothing beyond the last item of a session: one that went on, or another way, since the export stays as it is. */
const itemsStatement = `
  insert into items (session_id, seq, agent, run_id, type, data, created_at)
  select s.id, l.seq, s.agent, l.run_id, l.kind, l.data, l.created_at
  from jsonb_to_recordset($2::jsonb) as l (session_id uuid, seq bigint, run_id uuid, kind text, data jsonb,
    created_at timestamptz)
  join sessions s on s.id = l.session_id and s.agent = $1 and l.seq <= s.last_seq
  on conflict do nothing`;
