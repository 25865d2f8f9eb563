import type { Database } from './pool.ts';

/** The schema belongs to another namespace. Its message has the cure. */
export class ForeignDatabase extends Error {
  override readonly name = 'ForeignDatabase';
}

/** Makes the database this namespace's when it is nobody's yet. Throws ForeignDatabase when it is another's. */
export async function claimInstallation(database: Database, namespaceUid: string): Promise<void> {
  await database.query('insert into installation (namespace_uid) values ($1) on conflict do nothing', [namespaceUid]);
  const { rows } = await database.query<{ namespace_uid: string }>('select namespace_uid from installation');
  const owner = rows[0]?.namespace_uid;
  if (owner === namespaceUid) return;
  throw new ForeignDatabase(
    `this database belongs to another namespace (uid ${owner}); this gateway's has the uid ${namespaceUid}. Give each namespace a database of its own (DATABASE_URL). If the namespace was made anew and its state is to be taken over: update installation set namespace_uid = '${namespaceUid}'`,
  );
}

/** Notes that a snapshot of this sequence is served, and gives the highest that any replica ever served. */
export async function raiseSequence(database: Database, sequence: number): Promise<number> {
  const { rows } = await database.prepared<{ max_sequence: string }>(
    'raise_sequence',
    `with raised as (
       update installation set max_sequence = $1 where max_sequence < $1 returning max_sequence
     )
     select coalesce((select max_sequence from raised), (select max_sequence from installation)) as max_sequence`,
    [sequence],
  );
  return Number(rows[0]?.max_sequence ?? 0);
}
