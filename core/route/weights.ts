import { sha256 } from '../lib/hash.ts';
import type { RuleEntry } from '../snapshot/schema.ts';
import type { Envelope } from './envelope.ts';

/** What is known of the conversation beside its envelope. */
export interface Draw {
  /** Agent of the conversation's newest live session. */
  readonly stickyAgent?: string;
  readonly idempotencyKey?: string;
  /** In [0, 1); asked only when nothing identifies the conversation. */
  readonly random?: () => number;
}

/**
 * The agent that a rule gives this conversation to; undefined when every weight is 0 and no live session keeps one.
 * With two or more refs the newest live session's agent stays while it is listed; otherwise a weighted rendezvous hash
 * of the conversation decides, so that a changed weight or list moves as few conversations as possible.
 */
export function chooseAgent(rule: RuleEntry, envelope: Envelope, draw: Draw): string | undefined {
  const { agentRefs } = rule;
  if (draw.stickyAgent !== undefined && agentRefs.some((ref) => ref.name === draw.stickyAgent)) return draw.stickyAgent;
  const open = agentRefs.filter((ref) => ref.weight > 0);
  if (open.length <= 1) return open[0]?.name;
  const identity = identityOf(rule, envelope, draw);
  let best: { readonly name: string; readonly score: number } | undefined;
  for (const { name, weight } of open) {
    const score = -weight / Math.log(unitHash(JSON.stringify([name, ...identity])));
    if (best === undefined || score > best.score || (score === best.score && name < best.name)) best = { name, score };
  }
  return best?.name;
}

/** Whether these refs leave a choice, which then depends on the conversation's newest live session. */
export function splits(agentRefs: RuleEntry['agentRefs']): boolean {
  return agentRefs.length > 1 || agentRefs.some((ref) => ref.weight === 0);
}

/** A user belongs to it under the scope User only; without chat and thread, and without a scope, the user is all there is. */
function identityOf(rule: RuleEntry, message: Envelope, draw: Draw): readonly string[] {
  const { platform, account, chatId, threadId } = message;
  const isChat = chatId !== '' || threadId !== '';
  const scope = rule.sessionScope ?? (isChat ? 'Chat' : 'User');
  const userId = scope === 'User' ? message.userId : '';
  if (isChat || userId !== '') return [platform, account, chatId, threadId, userId];
  return [draw.idempotencyKey ?? String((draw.random ?? Math.random)())];
}

/** A hash in (0, 1). */
function unitHash(text: string): number {
  const bits = Number.parseInt(sha256(text).slice(0, 12), 16);
  return (bits + 0.5) / 2 ** 48;
}
