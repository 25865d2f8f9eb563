import { type ChatRefusal, decideEgress, type WantedChat } from '../../core/route/chat-egress.ts';
import { type ChatRouting, createChatRouting } from '../../core/route/chat-routing.ts';
import type { AgentEntry } from '../../core/snapshot/schema.ts';
import type { Table } from '../config/table.ts';
import type { PlatformAccount } from './targets/platform.ts';

/** Whether an agent may write to a chat, and by what. `error` begins with a reason in one word; a refusal has both apart. */
export type AccountAccess =
  | { readonly kind: 'open'; readonly entry: AccountEntry; readonly account: PlatformAccount; readonly scope: string }
  /** It may, and cannot now: the Secret of the account is missing. */
  | { readonly kind: 'closed'; readonly error: string }
  | (ChatRefusal & { readonly error: string });

export type AccountEntry = AgentEntry['accounts'][number];

/**
 * Opens an account where `decideEgress` allows it. The credentials are those of the account's own entry, and there is no
 * other way to any. `scope` names their versions.
 */
export function openAccount(table: Table, agent: string, chat: WantedChat): AccountAccess {
  const decided = decideEgress(agent, chat, {
    account: findAccount(table, chat.account),
    isRouted: (platform) => isRouted(table, agent, chat, platform),
  });
  if (decided.kind === 'refused') return { ...decided, error: `${decided.reason}: ${decided.message}` };
  const entry = decided.account;
  const credentials = readCredentials(table, entry);
  if (credentials === undefined) {
    const error = `SecretNotFound: a key of the Secret of the account "${chat.account}" is missing`;
    return { kind: 'closed', error };
  }
  const account = { account: chat.account, credentials, settings: entry.settings };
  return { kind: 'open', entry, account, scope: credentialScope(entry) };
}

/** The account `<agent>/<name>` of the Agent that owns it. */
export function findAccount(table: Table, account: string): AccountEntry | undefined {
  const [owner = '', name = ''] = account.split('/');
  return table.agents.get(owner)?.accounts.find((candidate) => candidate.name === name);
}

/** Names the versions of an account's credentials. */
export function credentialScope({ credentials }: Pick<AccountEntry, 'credentials'>): string {
  return Object.values(credentials).toSorted().join(' ');
}

/** Whoever writes in the chat: what is not known of it speaks for no agent. */
function isRouted({ routes, content }: Table, agent: string, chat: WantedChat, platform: string): boolean {
  let routing = routings.get(routes);
  if (routing === undefined) {
    routing = createChatRouting(content.routes);
    routings.set(routes, routing);
  }
  return routing.surelyGives({ ...chat, platform }, agent);
}

/** Made when an agent first wants to write through the account of another. */
const routings = new WeakMap<Table['routes'], ChatRouting>();

function readCredentials(table: Table, { credentials }: AccountEntry): Readonly<Record<string, string>> | undefined {
  const values: Record<string, string> = {};
  for (const [key, name] of Object.entries(credentials)) {
    const value = table.credential(name);
    if (value === undefined) return undefined;
    values[key] = value;
  }
  return values;
}
