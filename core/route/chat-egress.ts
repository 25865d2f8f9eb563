import type { AgentEntry } from '../snapshot/schema.ts';

/** A chat that an agent wants to write to. */
export interface WantedChat {
  /** `<agent>/<name>` */
  readonly account: string;
  readonly chatId: string;
  /** '' for none. */
  readonly threadId: string;
}

/** Whether an agent may write to a chat, and by which account. */
export type ChatEgress<A> = { readonly kind: 'allowed'; readonly account: A } | ChatRefusal;

/** Why not, and the cure. The reason is one of the condition ResolvedRefs. */
export interface ChatRefusal {
  readonly kind: 'refused';
  readonly reason: 'AccountNotFound' | 'AccountNotShared' | 'ChatNotRouted';
  readonly message: string;
}

/** What the decision depends on. */
export interface EgressFacts<A> {
  /** The account that the chat is of; undefined: there is none of that name. */
  readonly account: A | undefined;
  /** Whether Routes give the chat, which is of this platform, to the agent. Asked only about another Agent's account. */
  readonly isRouted: (platform: string) => boolean;
}

/**
 * Egress follows routes: an agent writes through its own accounts; through another Agent's only where that account is
 * `shared` and a Route gives this very chat to the agent.
 */
export function decideEgress<A extends Pick<AgentEntry['accounts'][number], 'platform' | 'shared'>>(
  agent: string,
  chat: Pick<WantedChat, 'account' | 'chatId'>,
  { account, isRouted }: EgressFacts<A>,
): ChatEgress<A> {
  const [owner = '', name = ''] = chat.account.split('/');
  if (account === undefined) {
    return { kind: 'refused', reason: 'AccountNotFound', message: `the Agent "${owner}" has no account "${name}"` };
  }
  if (owner === agent) return { kind: 'allowed', account };
  if (!account.shared) {
    const message = `the account "${chat.account}" is not shared with the Agent "${agent}"; set shared: true on it`;
    return { kind: 'refused', reason: 'AccountNotShared', message };
  }
  if (isRouted(account.platform)) return { kind: 'allowed', account };
  const what = `no Route gives the chat "${chat.chatId}" of the account "${chat.account}" to the Agent "${agent}"`;
  return {
    kind: 'refused',
    reason: 'ChatNotRouted',
    message: `${what}, whoever writes there; add a rule with its chatId`,
  };
}
