import pg from 'pg';
import { expect, inject, it } from 'vitest';
import { createDatabase, startPostgres } from '../harness/postgres.ts';

it('each test gets an empty database of its own', async () => {
  const [one, other] = await Promise.all([
    createDatabase(inject('postgresUrl')),
    createDatabase(inject('postgresUrl')),
  ]);
  await query(one.url, 'create table t (a int)');
  await expect(query(other.url, 'select * from t')).rejects.toThrow('does not exist');
  await Promise.all([one.drop(), other.drop()]);
});

it('what was committed is there after kill -9 of the server, at the same address', async () => {
  const postgres = await startPostgres();
  try {
    const { url } = await postgres.createDatabase();
    await query(url, 'create table t (a int)');
    await query(url, 'insert into t values (1)');
    await postgres.kill();
    await expect(query(url, 'select 1')).rejects.toThrow('ECONNREFUSED');
    await postgres.start();
    expect(await query(url, 'select a from t')).toEqual([{ a: 1 }]);
  } finally {
    await postgres.stop();
  }
});

it('the server sorts and folds text the same on every machine, and keeps time in UTC', async () => {
  const rows = await query(
    inject('postgresUrl'),
    `select lower('ÄÖ') as folded, array(select t from unnest(array['b','a','Z']) t order by t) as sorted, current_setting('timezone') as zone`,
  );
  expect(rows).toEqual([{ folded: 'äö', sorted: ['Z', 'a', 'b'], zone: 'UTC' }]);
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
