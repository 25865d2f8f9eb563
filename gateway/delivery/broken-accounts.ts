import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { credentialScope, findAccount } from './account-access.ts';

/** The accounts that platforms refused to this process. Each waits, longer every time, or until its Secret changes. */
export interface BrokenAccounts {
  readonly note: (account: string, table: Table) => Promise<void>;
  readonly works: (account: string) => void;
  /** Ends the wait of those whose credentials are others now than when they were refused. */
  readonly tryMended: (worker: string, table: Table) => Promise<void>;
}

/** None is broken. */
export function createBrokenAccounts(database: Database): BrokenAccounts {
  const refusedWith = new Map<string, string>();
  return {
    note: async (account, table) => {
      const scope = scopeOf(table, account);
      refusedWith.set(account, scope);
      await database.prepared('refused-scope', scopeStatement, [account, scope]);
    },
    works: (account) => refusedWith.delete(account),
    tryMended: async (worker, table) => {
      const mended = [...refusedWith].filter(([account, scope]) => scopeOf(table, account) !== scope);
      if (mended.length === 0) return;
      const accounts = mended.map(([account]) => account);
      await database.prepared('try-accounts', tryStatement, [accounts, worker]);
      for (const account of accounts) refusedWith.delete(account);
    },
  };
}

function scopeOf(table: Table, account: string): string {
  const entry = findAccount(table, account);
  return entry === undefined ? '' : credentialScope(entry);
}

const scopeStatement = `
  update account_leases set refused_scope = $2
  where account = $1 and broken_since is not null and refused_scope <> $2`;

const tryStatement = 'update account_leases set paused_until = null where account = any($1) and worker = $2';
