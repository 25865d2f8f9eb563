import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { Table } from '../config/table.ts';
import type { Database } from './pool.ts';

/**
 * Remembers every Agent name that was ever served. A `model` that names an Agent which is gone is refused and never taken
 * for free text that a rule or the default may serve.
 */
export interface AgentNames {
  /** Reads what an earlier process left in the folder. */
  readonly load: () => Promise<void>;
  /** Notes the names of a Table in this process, so that a name is known as gone at once. */
  readonly note: (table: Table) => void;
  /** Brings the rows of `agents` up to the Table and learns the names that others retired; no write when they agree. */
  readonly keep: (database: Database, table: Table) => Promise<void>;
  /** Only learns. */
  readonly refresh: (database: Database) => Promise<void>;
  /**
   * Whether an Agent had this name; ask only for a name that the request's own Table does not have. Throws
   * `state_unavailable` while neither the database nor the folder could be read.
   */
  readonly isRetired: (name: string) => boolean;
}

const fileName = 'agent-names.json';
/** Other replicas retire names too; each also learns of it from its own snapshot, so this is for restarts in between. */
const refreshEvery = 30;

/** Knows nothing yet. `folder` keeps the names for a start without a database. */
export function createAgentNames(folder: string | undefined, log: Logger): AgentNames {
  const known = new Set<string>();
  /** Whether `known` holds what the database, or the folder, knew at some time of this process. */
  let complete = false;
  let due = true;
  let kept = '';
  let saved = '';
  let looks = 0;

  const learn = async (names: readonly string[]) => {
    for (const name of names) known.add(name);
    complete = true;
    const text = JSON.stringify([...known].sort());
    if (folder === undefined || text === saved) return;
    await save(folder, text).catch((error: unknown) => log.warn({ err: error, folder }, 'cannot save the agent names'));
    saved = text;
  };
  const refresh = async (database: Database) => {
    looks += 1;
    if (!due && looks % refreshEvery !== 0) return;
    const { rows } = await database.query<{ name: string }>('select name from agents');
    await learn(rows.map((row) => row.name));
    due = false;
  };

  return {
    load: async () => {
      const names = folder === undefined ? undefined : await readSaved(folder);
      if (names) await learn(names);
    },
    note: (table) => {
      for (const name of table.agents.keys()) known.add(name);
    },
    keep: async (database, table) => {
      const identities = JSON.stringify([...table.agents.values()].map(({ name, uid }) => [name, uid]));
      if (identities !== kept) {
        await writeNames(database, table);
        kept = identities;
        due = true;
      }
      await refresh(database);
    },
    refresh,
    isRetired: (name) => {
      if (known.has(name)) return true;
      if (complete) return false;
      throw new TalariaError(
        'state_unavailable',
        `The database cannot say yet whether "${name}" was an Agent. Try again shortly, or name an Agent in \`model\` as \`talaria/<name>\`.`,
      );
    },
  };
}

/** A replica that serves an older snapshot than a row's neither retires the name nor brings it back. */
async function writeNames(database: Database, table: Table): Promise<void> {
  const agents = [...table.agents.values()];
  await database.query(
    `with present as (
       insert into agents (name, uid, sequence)
       select name, uid, $3 from unnest($1::text[], $2::text[]) as wanted (name, uid)
       on conflict (name) do update
       set uid = excluded.uid, sequence = excluded.sequence, gone_at = null
       where agents.sequence <= excluded.sequence and (agents.uid <> excluded.uid or agents.gone_at is not null)
     )
     update agents set gone_at = talaria_now(), sequence = $3
     where gone_at is null and sequence <= $3 and name <> all ($1::text[])`,
    [agents.map(({ name }) => name), agents.map(({ uid }) => uid), table.sequence],
  );
}

async function save(folder: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, fileName);
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function readSaved(folder: string): Promise<readonly string[] | undefined> {
  try {
    const names: unknown = JSON.parse(await readFile(path.join(folder, fileName), 'utf8'));
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : undefined;
  } catch {
    return undefined;
  }
}
