import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from '../../core/lib/log.ts';
import { createNudgedLoop } from '../../core/lib/nudged-loop.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import { fixedFiles, fixedHashes } from '../files/declared.ts';
import { codeOf } from '../files/folder.ts';
import { removeHome, renderHome } from './render-home.ts';

/** Keeps the homes of the agents in a folder of this replica as the table says, beside the routing and behind it. */
export interface Homes {
  readonly start: () => void;
  /** The newest table; tables before it that were not rendered yet are skipped. */
  readonly render: (table: Pick<Table, 'agents' | 'text'>) => void;
  /** Waits for the home that is being rendered. */
  readonly stop: () => Promise<void>;
}

export interface HomesOptions {
  /** Holds one folder for each agent; it is made when it is missing. */
  readonly folder: string;
  readonly registry: Registry;
  readonly log: Logger;
  /** How long until what failed is tried again; default: a minute. */
  readonly everyMs?: number;
}

/** Makes Homes. A home that cannot be rendered is a log line and counts in a metric; the others are rendered. */
export function createHomes({ folder, registry, log, everyMs = 60_000 }: HomesOptions): Homes {
  const failures = new Counter({
    name: 'talaria_home_failures_total',
    help: 'Homes of agents that could not be rendered; each is tried again.',
    registers: [registry],
  });
  /** By agent, what its home holds. */
  const rendered = new Map<string, string>();
  let table: Pick<Table, 'agents' | 'text'> | undefined;
  let isStopping = false;

  const trying = async (agent: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failures.inc();
      log.warn({ err: error, agent }, 'the home of an agent cannot be rendered; it is tried again');
    }
  };

  const renderAgent = async (agent: AgentEntry, text: Table['text']): Promise<void> => {
    const signature = JSON.stringify([...fixedHashes(agent)]);
    if (rendered.get(agent.name) === signature) return;
    await renderHome(path.join(folder, agent.name), fixedFiles(agent, { text }));
    rendered.set(agent.name, signature);
  };

  const look = async (): Promise<void> => {
    const current = table;
    if (current === undefined) return;
    for (const agent of current.agents.values()) {
      if (isStopping || table !== current) return;
      await trying(agent.name, () => renderAgent(agent, current.text));
    }
    for (const name of await gone(folder, current.agents)) {
      rendered.delete(name);
      await trying(name, () => removeHome(path.join(folder, name)));
    }
  };

  const loop = createNudgedLoop(everyMs, look, log);
  return {
    start: loop.start,
    render: (next) => {
      table = next;
      loop.nudge();
    },
    stop: async () => {
      isStopping = true;
      await loop.stop();
    },
  };
}

/** Homes of agents that the table has no more. Other names in the folder are not ours. */
async function gone(folder: string, agents: Table['agents']): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  const homes = entries.filter((entry) => entry.isDirectory() && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(entry.name));
  return homes.map(({ name }) => name).filter((name) => !agents.has(name));
}
