import type { Clock } from '../../core/lib/clock.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import type { Logger } from '../../core/lib/log.ts';
import { sleep } from '../../core/lib/sleep.ts';
import type { Table, TableHolder } from '../config/table.ts';
import type { Metrics } from '../metrics.ts';
import { type AgentNames, createAgentNames } from './agent-names.ts';
import { claimInstallation, ForeignDatabase, raiseSequence } from './installation.ts';
import { migrate } from './migrate.ts';
import { type Database, guardDatabase } from './pool.ts';
import { createStaleness, type Staleness } from './staleness.ts';

export interface StateOptions {
  readonly database: Database;
  readonly directUrl: string;
  /** The uid of this gateway's namespace; asked for again until it answers. */
  readonly namespaceUid: () => Promise<string>;
  readonly tables: TableHolder;
  /** Folder that remembers what must be known while the database is away; absent: nothing is remembered. */
  readonly stateDir: string | undefined;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly clock: Clock;
}

/** The gateway's hold on its database, from before the first connection to the end. */
export interface State {
  /** Every call throws `state_unavailable` until the schema is there and the database is known to be this namespace's. */
  readonly database: Database;
  /** See AgentNames: for a name that the request's own Table does not have. */
  readonly isRetired: (name: string) => boolean;
  /** Whether the last look at the database succeeded; undefined before the first look has ended. */
  readonly isAvailable: () => boolean | undefined;
  /** False while this replica's snapshot is behind another's for 5 s, or the database was never reached. */
  readonly mayTakeWork: () => boolean;
  /** Begins to look after the database. Rejects when the first look finds another namespace's; else resolves after it. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const lookEveryMs = 1_000;
const retryMs = 500;

/** Makes State. Nothing is connected before `start`. */
export function createState(options: StateOptions): State {
  const { tables, log, metrics } = options;
  const stopping = new AbortController();
  const names = createAgentNames(options.stateDir, log);
  const staleness = createStaleness(options.clock);
  let prepared = false;
  let available: boolean | undefined;
  /** Why it cannot be used, as the log has it; '' while it can. */
  let trouble = '';
  let loop: Promise<void> | undefined;

  const note = (now: boolean, error?: unknown) => {
    const found = now ? '' : chainOf(error);
    if (now && !available) log.info('the database can be used');
    if (!now && found !== trouble)
      log.warn({ err: error }, 'the database cannot be used; stateless agents go on, stored turns are refused');
    trouble = found;
    available = now;
    metrics.stateAvailable.set(now ? 1 : 0);
  };

  const look = async (): Promise<void> => {
    try {
      if (!prepared) await prepare(options);
      prepared = true;
      await upkeep(options.database, tables.current(), names, staleness);
      note(true);
    } catch (error) {
      note(false, error);
      if (error instanceof ForeignDatabase) throw error;
    }
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(available ? lookEveryMs : retryMs, stopping.signal);
      // Another namespace's database stays refused and may be exchanged; the log has said so.
      if (!stopping.signal.aborted) await look().catch(() => undefined);
    }
  };

  const endNotes = tables.onSwap((table) => names.note(table));
  return {
    database: guardDatabase(options.database, () => {
      if (!prepared) throw new TalariaError('state_unavailable', 'The database cannot be used yet. Try again shortly.');
    }),
    isRetired: names.isRetired,
    isAvailable: () => available,
    mayTakeWork: () => prepared && staleness.isFresh(),
    start: async () => {
      await names.load();
      const first = look();
      loop = first.catch(() => undefined).then(run);
      await first;
    },
    stop: async () => {
      endNotes();
      stopping.abort();
      await loop;
      await names.settled();
    },
  };
}

/** What an error and its causes say. */
function chainOf(error: unknown): string {
  return error instanceof Error ? [error.message, chainOf(error.cause)].join('\n') : '';
}

async function prepare({ directUrl, database, namespaceUid, log }: StateOptions): Promise<void> {
  const applied = await migrate(directUrl);
  if (applied.length > 0) log.info({ applied }, 'the database has a new schema');
  await claimInstallation(database, await namespaceUid());
}

async function upkeep(
  database: Database,
  table: Table | undefined,
  names: AgentNames,
  staleness: Staleness,
): Promise<void> {
  if (table === undefined) {
    await names.refresh(database);
    return;
  }
  staleness.note(await raiseSequence(database, table.sequence), table.sequence);
  await names.keep(database, table);
}
