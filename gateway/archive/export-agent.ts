import type { SqlClient } from '../db/pool.ts';
import type { ArchiveHead, ArchiveLine, FileLine, ItemLine, SeedLine, SessionLine } from './lines.ts';

/**
 * Everything that is kept for an Agent's name and cannot be had from its spec: files, sessions and what was said in them,
 * in chunks that are read as fast as they are taken. A session is given as it was when its line was read. What is on a volume
 * is not among it, nor are runs and deliveries, which are records of what happened here.
 */
export async function* exportAgent(
  database: SqlClient,
  agent: string,
  head: Pick<ArchiveHead, 'uid' | 'exported_at'>,
): AsyncGenerator<readonly ArchiveLine[]> {
  let files = 0;
  let sessions = 0;
  let items = 0;
  yield [{ type: 'agent', format: 1, agent, ...head }];
  yield await readSeeds(database, agent);
  for await (const page of readFiles(database, agent)) {
    files += page.length;
    yield page;
  }
  for await (const page of readSessions(database, agent)) {
    for (const session of page) {
      yield [session];
      sessions += 1;
      for await (const said of readItems(database, agent, session)) {
        items += said.length;
        yield said;
      }
    }
  }
  yield [{ type: 'end', files, sessions, items }];
}

/** A file holds 1 MiB at most. */
const filesAtOnce = 8;
const sessionsAtOnce = 100;
const itemsAtOnce = 200;
/** As they are stored, compressed; one item alone may be larger. */
const itemBytesAtOnce = 256 * 1024;

async function readSeeds(database: SqlClient, agent: string): Promise<readonly SeedLine[]> {
  const { rows } = await database.query<{ path: string }>(
    'select path from seeded_files where agent = $1 order by path',
    [agent],
  );
  return rows.map(({ path }) => ({ type: 'seed', path }));
}

async function* readFiles(database: SqlClient, agent: string): AsyncGenerator<readonly FileLine[]> {
  for (let after = ''; ; ) {
    const { rows } = await database.query<{ path: string; content: Buffer }>(
      'select path, content from files where agent = $1 and path > $2 order by path limit $3',
      [agent, after, filesAtOnce],
    );
    yield rows.map(({ path, content }) => ({ type: 'file', path, content: content.toString('base64') }));
    if (rows.length < filesAtOnce) return;
    after = rows.at(-1)?.path ?? '';
  }
}

async function* readSessions(database: SqlClient, agent: string): AsyncGenerator<readonly SessionLine[]> {
  for (let after: SessionLine | undefined; ; ) {
    const { rows } = await database.query<{ line: SessionLine }>(sessionsStatement, [
      agent,
      after?.created_at ?? '-infinity',
      after?.id ?? '00000000-0000-0000-0000-000000000000',
      sessionsAtOnce,
    ]);
    yield rows.map(({ line }) => line);
    if (rows.length < sessionsAtOnce) return;
    after = rows.at(-1)?.line;
  }
}

const sessionsStatement = `
  select json_build_object('type', 'session', 'id', s.id, 'platform', s.platform, 'account', s.account,
    'chat_type', s.chat_type, 'chat_id', s.chat_id, 'thread_id', s.thread_id, 'user_id', s.user_id,
    'principal', s.principal, 'name', s.name, 'title', s.title, 'parent_id', s.parent_id, 'last_seq', s.last_seq,
    'created_at', s.created_at, 'last_active_at', s.last_active_at, 'ended_at', s.ended_at) as line
  from sessions s
  where s.agent = $1 and (s.created_at, s.id) > ($2::timestamptz, $3::uuid)
  order by s.created_at, s.id limit $4`;

async function* readItems(
  database: SqlClient,
  agent: string,
  { id, last_seq }: SessionLine,
): AsyncGenerator<readonly ItemLine[]> {
  for (let after = 0; ; ) {
    const { rows } = await database.query<{ line: ItemLine }>(itemsStatement, [
      id,
      agent,
      after,
      last_seq,
      itemsAtOnce,
      itemBytesAtOnce,
    ]);
    yield rows.map(({ line }) => line);
    after = rows.at(-1)?.line.seq ?? last_seq;
    if (after >= last_seq) return;
  }
}

const itemsStatement = `
  select json_build_object('type', 'item', 'session_id', i.session_id, 'seq', i.seq, 'run_id', i.run_id, 'kind', i.type,
    'data', i.data, 'created_at', i.created_at) as line
  from (
    select *, sum(pg_column_size(data)) over (order by seq) as bytes, row_number() over (order by seq) as place
    from (
      select * from items where session_id = $1 and agent = $2 and seq > $3 and seq <= $4 order by seq limit $5
    ) next
  ) i
  where i.bytes <= $6 or i.place = 1
  order by i.seq`;
