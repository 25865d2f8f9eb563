import { compileRoutes, type RouteTable } from '../../core/route/compile.ts';
import type { AgentEntry, JobEntry, Snapshot, SnapshotContent } from '../../core/snapshot/schema.ts';
import { createKeyRing, type KeyRing } from '../admit/keys.ts';
import type { Configuration } from './source.ts';

/**
 * Everything dynamic that the gateway acts on, as one immutable thing: a request or a tick takes it once and keeps it to
 * its end, so that a routing rule and a key change at one moment.
 */
export interface Table {
  readonly revision: string;
  readonly sequence: number;
  readonly content: SnapshotContent;
  readonly agents: ReadonlyMap<string, AgentEntry>;
  readonly routes: RouteTable;
  /** By the CronJob's uid. */
  readonly jobs: ReadonlyMap<string, JobEntry>;
  readonly keys: KeyRing;
  /** The value of a credential, or undefined when its Secret is gone. Never log it. */
  readonly credential: (name: string) => string | undefined;
  /** The text of a hash in the snapshot. Throws when the snapshot lacks it, which verification excludes. */
  readonly text: (hash: string) => string;
}

/** Keeps the Table in force. */
export interface TableHolder {
  /** Undefined until the first configuration came. */
  readonly current: () => Table | undefined;
  /**
   * Puts a configuration in force, whole, and then calls the listeners. Throws, leaving the last good one in force, when
   * its sequence is lower than the present one or when it cannot be compiled.
   */
  readonly swap: (configuration: Configuration) => Promise<void>;
  /** `listener` is called after each swap, at once and in order; gives a function that ends this. */
  readonly onSwap: (listener: (table: Table) => void) => () => void;
}

/** A holder without a Table yet. */
export function createTableHolder(): TableHolder {
  let current: Table | undefined;
  const listeners = new Set<(table: Table) => void>();
  return {
    current: () => current,
    swap: async (configuration) => {
      refuseLower(configuration.snapshot, current);
      const table = await buildTable(configuration, current);
      current = table;
      for (const listener of listeners) listener(table);
    },
    onSwap: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Compiles a configuration; what did not change is taken over from `previous`. */
export async function buildTable({ snapshot, credentials }: Configuration, previous?: Table): Promise<Table> {
  const { content, revision, sequence, routeParts } = snapshot;
  const routes = await compileRoutes(content, previous?.routes, routeParts);
  return {
    revision,
    sequence,
    content,
    agents: routes.agents,
    routes,
    jobs: new Map(content.jobs.map((job) => [job.uid, job])),
    keys: createKeyRing(content, credentials),
    credential: (name) => credentials.get(name),
    text: (hash) => {
      const text = content.texts[hash];
      if (text === undefined) throw new Error(`the snapshot names the text ${hash} but does not hold it`);
      return text;
    },
  };
}

function refuseLower(next: Snapshot, current: Table | undefined): void {
  if (!current || next.sequence >= current.sequence) return;
  throw new Error(`snapshot sequence ${next.sequence} is lower than ${current.sequence}, which is in force`);
}
