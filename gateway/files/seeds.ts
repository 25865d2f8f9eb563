import type { Database } from '../db/pool.ts';
import type { HomePath } from './path.ts';
import { refusing } from './row-workspace.ts';
import type { FileOwner } from './workspace.ts';

/** Remembers which files of an Agent were seeded: each path once, whatever became of the file. */
export interface SeedRecord {
  /** Those of the paths that were never seeded. */
  readonly unseeded: (owner: FileOwner, paths: readonly HomePath[]) => Promise<readonly HomePath[]>;
  /** Writes a seed as a row, unless there is a file, and remembers it, in one step. Throws FileRefused when it has no room. */
  readonly seed: (owner: FileOwner, path: HomePath, content: Buffer) => Promise<void>;
  /** Remembers a seed that is kept elsewhere. */
  readonly note: (owner: FileOwner, path: HomePath) => Promise<void>;
}

/** The record in PostgreSQL, so that two replicas do not both seed. */
export function createSeedRecord(database: Database): SeedRecord {
  return {
    unseeded: async ({ name }, paths) => {
      const { rows } = await database.query<{ path: HomePath }>(unseededStatement, [name, paths]);
      return rows.map(({ path }) => path);
    },
    seed: async ({ name, uid }, path, content) => {
      await refusing(() => database.query(seedStatement, [name, uid, path, content]));
    },
    note: async ({ name, uid }, path) => {
      await database.query(noteStatement, [name, uid, path]);
    },
  };
}

const unseededStatement = `
  select wanted.path from unnest($2::text[]) as wanted (path)
  where not exists (select from seeded_files s where s.agent = $1 and s.path = wanted.path)`;

const seedStatement = 'select seed_file(of_agent => $1, of_agent_uid => $2, at_path => $3, new_content => $4)';

const noteStatement = 'insert into seeded_files (agent, agent_uid, path) values ($1, $2, $3) on conflict do nothing';
