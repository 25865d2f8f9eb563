import type { ConditionReason } from '../../core/conditions.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { AgentStatus } from '../config/source.ts';
import type { Table } from '../config/table.ts';
import { type AccountEntry, credentialScope, openAccount } from './account-access.ts';
import type { PlatformSenders } from './targets/platform.ts';

/** An account that its platform refused, and has not taken a message through since. */
export interface RefusedAccount {
  /** `<agent>/<name>` */
  readonly account: string;
  readonly error: string;
  /** The versions of the credentials that were refused; '' when they are not known. */
  readonly scope: string;
}

/** What the state of accounts depends on besides their Agent. */
export interface AccountFacts {
  readonly table: Table;
  readonly senders: PlatformSenders;
  /** By the account's whole name. */
  readonly refused: ReadonlyMap<string, RefusedAccount>;
}

/**
 * The gateways' part of an Agent's status; it is empty for one without accounts. An account is ready unless it is known not
 * to be. `before` is what was written last: a condition that says the same keeps its transition time, so equal facts give
 * an equal status. `now` is RFC 3339.
 */
export function buildAgentStatus(
  agent: AgentEntry,
  facts: AccountFacts,
  before: AgentStatus | undefined,
  now: string,
): AgentStatus {
  if (agent.accounts.length === 0) return emptyStatus;
  const accounts = agent.accounts.map((account) => {
    const fault = faultOf(agent.name, account, facts);
    const { name } = account;
    return fault === undefined ? { name, ready: true } : { name, ready: false, message: bounded(fault) };
  });
  const failed = accounts.filter(({ ready }) => !ready).map(({ name }) => name);
  const verdict = failed.length === 0 ? connected : accountFailed(failed);
  const [known] = before?.conditions ?? [];
  const lastTransitionTime = known?.status === verdict.status ? known.lastTransitionTime : now;
  return {
    accounts,
    conditions: [{ type: 'AccountsReady', ...verdict, lastTransitionTime, observedGeneration: agent.generation }],
  };
}

/** Of an Agent about whose accounts there is nothing to say. */
export const emptyStatus: AgentStatus = { accounts: [], conditions: [] };

type Verdict = Pick<AgentStatus['conditions'][number], 'status' | 'message'> & {
  readonly reason: ConditionReason<'AccountsReady'>;
};

const connected: Verdict = { status: 'True', reason: 'Connected', message: 'every account is ready' };

function accountFailed(names: readonly string[]): Verdict {
  const message = `not ready: ${names.join(', ')}; status.accounts says why`;
  return { status: 'False', reason: 'AccountFailed', message };
}

function faultOf(agent: string, entry: AccountEntry, { table, senders, refused }: AccountFacts): string | undefined {
  const account = `${agent}/${entry.name}`;
  if (!Object.hasOwn(senders, entry.platform)) {
    return `this version does not write to ${entry.platform}; use a webhook or the log, or an account of another platform`;
  }
  const access = openAccount(table, agent, { account, chatId: '', threadId: '' });
  if (access.kind !== 'open') return access.error;
  const refusal = refused.get(account);
  if (refusal === undefined || (refusal.scope !== '' && refusal.scope !== credentialScope(entry))) return undefined;
  return withoutSecrets(`${refusal.error}; mend the Secret of the account`, access.account.credentials);
}

/** What a server answers may repeat what it was sent. */
function withoutSecrets(text: string, credentials: Readonly<Record<string, string>>): string {
  return Object.values(credentials)
    .filter((value) => value !== '')
    .reduce((cleaned, value) => cleaned.replaceAll(value, '***'), text);
}

const mostCharacters = 1_024;

function bounded(text: string): string {
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1).toWellFormed()}…`;
}
