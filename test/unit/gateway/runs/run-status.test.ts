import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { activeStatuses, hasEnded, openStatuses, runStatuses } from '../../../../gateway/runs/run-status.ts';

const root = path.join(import.meta.dirname, '..', '..', '..', '..');

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

describe('the statuses of a run', () => {
  it('are open or ended, and active is open without queued', () => {
    const open = runStatuses.filter((status) => !hasEnded({ status }));
    expect(openStatuses).toBe(`(${open.map((status) => `'${status}'`).join(', ')})`);
    expect(activeStatuses).toBe(openStatuses.replace("'queued', ", ''));
  });

  it('are those that the database takes', () => {
    const check = /create table runs \(.*?check \(status in\s+\(([^)]*)\)/s.exec(
      read('gateway/db/migrations/0001_state.sql'),
    );
    expect(check?.[1]?.replaceAll("'", '').split(', ')).toEqual([...runStatuses]);
  });

  it('stand in the predicates of indexes as in the statements that are to use them', () => {
    const migrations = globSync('gateway/db/migrations/*.sql', { cwd: root }).map(read).join('\n');
    const lists = [...migrations.matchAll(/create (?:unique )?index \w+ on runs[^;]*?status in (\([^)]*\))/g)];
    expect(lists.length).toBeGreaterThan(2);
    expect(lists.filter(([, list]) => list !== openStatuses && list !== activeStatuses)).toEqual([]);
  });
});
