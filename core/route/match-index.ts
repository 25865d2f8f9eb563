import type { MatchField } from '../snapshot/schema.ts';
import type { Envelope } from './envelope.ts';
import { buildNode, Node } from './match-tree.ts';
import { changeNode } from './match-tree-change.ts';
import type { Pattern } from './pattern.ts';

/** Finds the matches whose fields and headers all hold, without looking at the others. Immutable. */
export interface MatchIndex<M extends Pattern> {
  /** In no particular order. */
  readonly find: (envelope: Envelope) => M[];
  /** An index without `removed` and with `added`, which shares with this one what is the same. */
  readonly changed: (removed: readonly M[], added: readonly M[]) => MatchIndex<M>;
}

/** Builds an index. All of these matches can hold. */
export function createMatchIndex<M extends Pattern>(matches: readonly M[]): MatchIndex<M> {
  return indexFrom(buildNode(matches, 0));
}

function indexFrom<M extends Pattern>(root: Node<M>): MatchIndex<M> {
  return {
    find: (envelope) => {
      const found: M[] = [];
      collect(root, envelope, found);
      return found;
    },
    changed: (removed, added) => indexFrom(changeNode(root, { removed: new Set(removed), added }, 0)),
  };
}

function collect<M extends Pattern>(node: Node<M>, envelope: Envelope, found: M[]): void {
  for (const match of node.matches) if (holds(match, envelope)) found.push(match);
  for (const { kind, name, values } of node.branches) {
    const value = kind === 'field' ? envelope[name as MatchField] : envelope.headers[name];
    if (value === undefined || value === '') continue;
    const next = values.get(value);
    if (next === undefined) continue;
    if (next instanceof Node) collect(next, envelope, found);
    else if (holds(next, envelope)) found.push(next);
  }
}

/** Written out, since this is the hottest loop of a request. */
function holds(pattern: Pattern, envelope: Envelope): boolean {
  return (
    (pattern.threadId === '' || pattern.threadId === envelope.threadId) &&
    (pattern.chatId === '' || pattern.chatId === envelope.chatId) &&
    (pattern.userId === '' || pattern.userId === envelope.userId) &&
    (pattern.userIdAlt === '' || pattern.userIdAlt === envelope.userIdAlt) &&
    (pattern.parentChatId === '' || pattern.parentChatId === envelope.parentChatId) &&
    (pattern.guildId === '' || pattern.guildId === envelope.guildId) &&
    (pattern.account === '' || pattern.account === envelope.account) &&
    (pattern.apiKey === '' || pattern.apiKey === envelope.apiKey) &&
    (pattern.model === '' || pattern.model === envelope.model) &&
    (pattern.platform === '' || pattern.platform === envelope.platform) &&
    (pattern.chatType === '' || pattern.chatType === envelope.chatType) &&
    pattern.headers.every(({ name, value }) => envelope.headers[name] === value)
  );
}
