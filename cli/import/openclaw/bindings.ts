import type { Draft } from '../draft.ts';
import { listIn, member, textIn } from '../fields.ts';
import { addRoutes, type RuleDraft } from '../routes.ts';
import type { Account } from './accounts.ts';

interface Ranked extends RuleDraft {
  /** OpenClaw tries a lower one first; in one tier the first of the configuration wins. */
  readonly tier: number;
}

/** Adds the bindings in the order in which OpenClaw tries them. One that cannot be said exactly is left out. */
export function addBindings(
  draft: Draft,
  config: unknown,
  names: ReadonlyMap<string, string>,
  accounts: readonly Account[],
): void {
  const rules = listIn(config, 'bindings').flatMap((binding, at) =>
    ruleOf(draft, binding, `bindings[${at}]`, names, accounts),
  );
  addRoutes(
    draft,
    'openclaw',
    rules.toSorted((a, b) => a.tier - b.tier),
  );
}

function ruleOf(
  draft: Draft,
  binding: unknown,
  source: string,
  names: ReadonlyMap<string, string>,
  accounts: readonly Account[],
): Ranked[] {
  const leaveOut = (message: string) => {
    draft.note('left out', source, message);
    return [];
  };
  const match = member(binding, 'match');
  const id = textIn(binding, 'agentId');
  const channel = textIn(match, 'channel')?.toLowerCase();
  if (id === undefined || channel === undefined) return leaveOut('It has no agentId or no channel.');
  if (textIn(binding, 'type') === 'acp') return leaveOut('It is a conversation of ACP.');
  if (listIn(match, 'roles').length > 0) return leaveOut('No match here can say roles.');
  const account = accountIn(match, channel, accounts);
  if ('fault' in account) return leaveOut(account.fault);
  const peer = peerIn(match, channel);
  if ('fault' in peer) return leaveOut(peer.fault);
  const guildId = idIn(match, 'guildId') ?? idIn(match, 'teamId');
  const fields = { platform: channel, ...account.fields, ...(guildId === undefined ? {} : { guildId }) };
  if (!names.has(id)) draft.note('changed', source, `There is no agent "${id}": such messages are refused.`);
  if (member(binding, 'session') !== undefined)
    draft.note('left out', `${source}.session`, 'A rule has session.scope instead.');
  const matches = peer.alternatives.map((one) => ({ ...fields, ...one }));
  return [{ name: `${id}-${channel}`, matches, agent: names.get(id) ?? id, tier: tierOf(match, peer.isWildcard) }];
}

type Found<T> = T | { readonly fault: string };

/** An absent account is the default one, and `*` is any. */
function accountIn(match: unknown, channel: string, accounts: readonly Account[]): Found<{ readonly fields: object }> {
  const id = textIn(match, 'accountId') ?? 'default';
  const ofChannel = accounts.filter((account) => account.channel === channel);
  if (ofChannel.length === 0) return { fault: `There is no account of ${channel} here.` };
  if (id === '*') return { fields: {} };
  const account = ofChannel.find((one) => one.id === id);
  if (account === undefined) return { fault: `There is no account "${id}" of ${channel}.` };
  return { fields: { account: `${account.agent}/${account.name}` } };
}

interface Peer {
  readonly alternatives: readonly Readonly<Record<string, string>>[];
  readonly isWildcard: boolean;
}

/** OpenClaw takes a group for a channel and a channel for a group. */
function peerIn(match: unknown, channel: string): Found<Peer> {
  const peer = member(match, 'peer');
  if (peer === undefined) return { alternatives: [{}], isWildcard: false };
  const kind = textIn(peer, 'kind')?.toLowerCase();
  const id = idIn(peer, 'id');
  if (id === undefined || kind === undefined || !['dm', 'direct', 'group', 'channel'].includes(kind)) {
    return { fault: 'Its peer has no kind or id, so OpenClaw never takes it.' };
  }
  const isDirect = kind === 'dm' || kind === 'direct';
  if (id === '*') {
    const types = isDirect ? ['direct'] : ['group', 'channel'];
    return { alternatives: types.map((chatType) => ({ chatType })), isWildcard: true };
  }
  if (isDirect) return { alternatives: [{ chatType: 'direct', userId: id }], isWildcard: false };
  const [chatId = id, threadId] = channel === 'telegram' ? id.split(':topic:') : [id];
  return { alternatives: [{ chatId, ...(threadId === undefined ? {} : { threadId }) }], isWildcard: false };
}

function tierOf(match: unknown, isWildcard: boolean): number {
  if (member(match, 'peer') !== undefined) return isWildcard ? 2 : 1;
  if (idIn(match, 'guildId') !== undefined) return 3;
  if (idIn(match, 'teamId') !== undefined) return 4;
  return textIn(match, 'accountId') === '*' ? 6 : 5;
}

function idIn(value: unknown, name: string): string | undefined {
  const id = member(value, name);
  if (typeof id === 'bigint' || typeof id === 'number') return String(id);
  return textIn(value, name);
}
