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
  /** Notes the names of a Table, in the folder too, so that a name is known as gone at once and after a restart. */
  readonly note: (table: Table) => void;
  /**
   * Brings the rows of `agents` up to the Table, with every name that was noted since and is gone again, and learns the
   * names that others retired; no write when they agree.
   */
  readonly keep: (database: Database, table: Table) => Promise<void>;
  /** Only learns. */
  readonly refresh: (database: Database) => Promise<void>;
  /** Resolves once the folder holds what was noted. */
  readonly settled: () => Promise<void>;
  /**
   * Whether an Agent had this name; ask only for a name that the request's own Table does not have. Throws
   * `state_unavailable` while neither the database nor the folder could be read.
   */
  readonly isRetired: (name: string) => boolean;
}

/** The file in the folder. */
interface Saved {
  /** Whether the names are all that the database knew at some time. */
  readonly complete: boolean;
  readonly names: readonly string[];
}

type Uid = string;
/** Of a name that the folder or the database told. */
const unknownUid: Uid = '';
const fileName = 'agent-names.json';
/** Other replicas retire names too; each also learns of it from its own snapshot, so this is for restarts in between. */
const refreshEvery = 30;

/** Knows nothing yet. `folder` keeps the names for a start without a database. */
export function createAgentNames(folder: string | undefined, log: Logger): AgentNames {
  const known = new Map<string, Uid>();
  /** What the database is known to hold. */
  const stored = new Set<string>();
  /** Whether `known` holds what the database, or the folder, knew at some time of this process. */
  let complete = false;
  let loaded = false;
  let due = true;
  let kept = '';
  let saved = '';
  let saving = Promise.resolve();
  let looks = 0;

  const learn = (names: readonly string[]) => {
    for (const name of names) if (!known.has(name)) known.set(name, unknownUid);
  };
  const saveAll = async (to: string) => {
    const text = JSON.stringify({ complete, names: [...known.keys()].sort() } satisfies Saved);
    if (text === saved) return;
    await save(to, text);
    saved = text;
  };
  /** One after the other, as all write the same file, and never over one that was not read yet. */
  const remember = (): Promise<void> => {
    if (folder === undefined || !loaded) return saving;
    saving = saving
      .then(() => saveAll(folder))
      .catch((error: unknown) => log.warn({ err: error, folder }, 'cannot save the agent names'));
    return saving;
  };
  const refresh = async (database: Database) => {
    looks += 1;
    if (!due && looks % refreshEvery !== 0) return;
    const { rows } = await database.query<{ name: string }>('select name from agents');
    for (const { name } of rows) stored.add(name);
    learn(rows.map((row) => row.name));
    complete = true;
    due = false;
    await remember();
  };

  return {
    load: async () => {
      const earlier = folder === undefined ? undefined : await readSaved(folder);
      learn(earlier?.names ?? []);
      complete ||= earlier?.complete === true;
      loaded = true;
      await remember();
    },
    note: (table) => {
      const before = known.size;
      for (const { name, uid } of table.agents.values()) known.set(name, uid);
      if (known.size > before) void remember();
    },
    keep: async (database, table) => {
      const identities = JSON.stringify([...table.agents.values()].map(({ name, uid }) => [name, uid]));
      const gone = [...known].filter(([name]) => !stored.has(name) && !table.agents.has(name));
      if (identities !== kept || gone.length > 0) {
        await writeNames(database, table, gone);
        kept = identities;
        due = true;
      }
      await refresh(database);
    },
    refresh,
    settled: () => saving,
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

/**
 * A replica that serves an older snapshot than a row's neither retires the name nor brings it back. `gone` came and went
 * without a write in between.
 */
async function writeNames(
  database: Database,
  table: Table,
  gone: readonly (readonly [name: string, uid: Uid])[],
): Promise<void> {
  const agents = [...table.agents.values()];
  await database.query(
    `with present as (
       insert into agents (name, uid, sequence)
       select name, uid, $3 from unnest($1::text[], $2::text[]) as wanted (name, uid)
       on conflict (name) do update
       set uid = excluded.uid, sequence = excluded.sequence, gone_at = null
       where agents.sequence <= excluded.sequence and (agents.uid <> excluded.uid or agents.gone_at is not null)
     ), gone as (
       insert into agents (name, uid, sequence, gone_at)
       select name, uid, $3, talaria_now() from unnest($4::text[], $5::text[]) as noted (name, uid)
       on conflict (name) do nothing
     )
     update agents set gone_at = talaria_now(), sequence = $3
     where gone_at is null and sequence <= $3 and name <> all ($1::text[])`,
    [
      agents.map(({ name }) => name),
      agents.map(({ uid }) => uid),
      table.sequence,
      gone.map(([name]) => name),
      gone.map(([, uid]) => uid),
    ],
  );
}

async function save(folder: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, fileName);
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function readSaved(folder: string): Promise<Saved | undefined> {
  try {
    const value = JSON.parse(await readFile(path.join(folder, fileName), 'utf8')) as Partial<Saved> | null;
    if (!Array.isArray(value?.names)) return undefined;
    return { complete: value.complete === true, names: value.names.filter((name) => typeof name === 'string') };
  } catch {
    return undefined;
  }
}
