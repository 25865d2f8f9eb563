import type { Database } from '../db/pool.ts';
import { FileRefused } from './refusal.ts';
import { type FileInfo, maxAgentBytes, maxAgentFiles, maxFileBytes, type Workspace } from './workspace.ts';

/**
 * Files as rows in PostgreSQL: the same on every replica. The database itself holds the bounds of a file and of an Agent, so
 * that replicas cannot exceed them together.
 */
export function createRowWorkspace(database: Database): Workspace {
  return {
    list: async ({ name }, folder) => {
      const { rows } = await database.query<FileInfo>(listStatement, [name, folder ?? null]);
      return rows;
    },
    read: async ({ name }, path) => {
      const { rows } = await database.query<{ content: Buffer }>(readStatement, [name, path]);
      return rows[0]?.content;
    },
    write: async ({ name, uid }, path, content) => {
      const { rows } = await refusing(() =>
        database.query<{ outcome: string; other: string }>(writeStatement, [name, uid, path, content]),
      );
      const { outcome, other } = rows[0] ?? { outcome: '', other: '' };
      if (outcome === 'folder') throw new FileRefused(`${path} is a folder: it holds ${other}; give another path`);
      if (outcome === 'below_file') throw new FileRefused(`${other} is a file and no folder; give another path`);
    },
    remove: async ({ name }, path) => {
      const { rows } = await database.query<{ removed: boolean }>(removeStatement, [name, path]);
      return rows[0]?.removed === true;
    },
  };
}

/** Turns what a bound of the database says into FileRefused. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const constraint = error instanceof Error && 'constraint' in error ? String(error.constraint) : '';
    const refusal = bounds[constraint];
    throw refusal === undefined ? error : new FileRefused(refusal);
  }
}

const bounds: Readonly<Record<string, string>> = {
  files_content: `a file holds at most ${maxFileBytes} bytes; write less, or several files`,
  file_totals_bytes: `all files of an agent hold at most ${maxAgentBytes} bytes together; delete what is not needed`,
  file_totals_files: `an agent has at most ${maxAgentFiles} files; delete what is not needed`,
};

const listStatement = `
  select f.path, octet_length(f.content) as bytes from files f
  where f.agent = $1 and ($2::text is null or (f.path > ($2 || '/') collate "C" and f.path < ($2 || '0') collate "C"))
  order by f.path limit ${maxAgentFiles}`;

const readStatement = 'select content from files where agent = $1 and path = $2';

const writeStatement =
  'select outcome, other from write_file(of_agent => $1, of_agent_uid => $2, at_path => $3, new_content => $4)';

const removeStatement = 'select remove_file(of_agent => $1, at_path => $2) as removed';
