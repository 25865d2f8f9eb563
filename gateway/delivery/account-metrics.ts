import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../core/lib/clock.ts';
import { cachedReading } from '../cached-reading.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { buildAgentStatus, type RefusedAccount } from './account-status.ts';
import { readRefused } from './account-status-writer.ts';
import type { PlatformSenders } from './targets/platform.ts';

/** As many accounts of a namespace as have series, in the order of the snapshot. */
const mostAccounts = 1_000;

/**
 * Adds the health of accounts to a registry: of those in the snapshot that this replica serves, by the same facts as the
 * status of their Agent. It is the same on every replica: take the minimum.
 */
export function addAccountMetrics(
  registry: Registry,
  {
    database,
    clock,
    table,
    senders,
  }: {
    readonly database: Database;
    readonly clock: Clock;
    readonly table: () => Table | undefined;
    readonly senders: PlatformSenders;
  },
): void {
  const none: ReadonlyMap<string, RefusedAccount> = new Map();
  const refusedNow = cachedReading(async () => (await readRefused(database)).refused, clock, none);
  new Gauge({
    name: 'talaria_account_ready',
    help: 'Whether an account of an Agent can be used: its Secret is there, and its platform has not refused it.',
    labelNames: ['account', 'platform'],
    registers: [registry],
    async collect() {
      const refused = await refusedNow();
      const current = table();
      this.reset();
      if (current === undefined) return;
      for (const { account, platform, ready } of readiness({ table: current, senders, refused })) {
        this.set({ account, platform }, ready ? 1 : 0);
      }
    },
  });
}

interface AccountReadiness {
  /** `<agent>/<name>` */
  readonly account: string;
  readonly platform: string;
  readonly ready: boolean;
}

function readiness(facts: Parameters<typeof buildAgentStatus>[1]): readonly AccountReadiness[] {
  const found: AccountReadiness[] = [];
  for (const agent of facts.table.content.agents) {
    if (found.length >= mostAccounts) break;
    const { accounts } = buildAgentStatus(agent, facts, undefined, '');
    for (const [at, { name, ready }] of accounts.entries()) {
      found.push({ account: `${agent.name}/${name}`, platform: agent.accounts[at]?.platform ?? '', ready });
    }
  }
  return found.slice(0, mostAccounts);
}
