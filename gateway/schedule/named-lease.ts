import type { Database } from '../db/pool.ts';

/** Takes or keeps the lease on work that one replica at a time does. False: another holder has it. */
export async function holdLease(database: Database, name: string, holder: string, seconds: number): Promise<boolean> {
  const { rowCount } = await database.prepared('hold-lease', holdStatement, [name, holder, seconds]);
  return rowCount === 1;
}

/** Lets another holder have the lease at once. */
export async function giveLeaseBack(database: Database, name: string, holder: string): Promise<void> {
  await database.query('delete from leases where name = $1 and worker = $2', [name, holder]);
}

const holdStatement = `
  insert into leases (name, worker, lease_until) values ($1, $2, talaria_now() + make_interval(secs => $3))
  on conflict (name) do update set worker = excluded.worker, lease_until = excluded.lease_until
  where leases.worker = excluded.worker or leases.lease_until <= talaria_now()
  returning name`;
