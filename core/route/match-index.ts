import type { MatchField } from '../snapshot/schema.ts';
import type { Envelope } from './envelope.ts';
import type { Condition, Pattern } from './pattern.ts';

/** Finds the matches whose fields and headers all hold, without looking at the others. */
export interface MatchIndex<M extends Pattern> {
  /** In no particular order. */
  readonly find: (envelope: Envelope) => M[];
}

/** Builds the index once; it is never changed afterwards. All of these matches can hold. */
export function createMatchIndex<M extends Pattern>(matches: readonly M[]): MatchIndex<M> {
  const root = buildNode(matches, 0);
  return {
    find: (envelope) => {
      const found: M[] = [];
      collect(root, envelope, found);
      return found;
    },
  };
}

/** Matches that agree in the conditions on the way down to them. */
class Node<M> {
  readonly matches: readonly M[];
  readonly branches: readonly Branch<M>[];

  constructor(matches: readonly M[], branches: readonly Branch<M>[]) {
    this.matches = matches;
    this.branches = branches;
  }
}

/** The matches whose next condition is on this field or header, by its value. One alone stands there without a node. */
interface Branch<M> {
  readonly kind: Condition['kind'];
  readonly name: string;
  readonly values: ReadonlyMap<string, M | Node<M>>;
}

/** Up to this many matches are compared one by one; a further level of maps would cost more. */
const leafSize = 8;

function buildNode<M extends Pattern>(matches: readonly M[], depth: number): Node<M> {
  if (matches.length <= leafSize) return new Node(matches, []);
  const here: M[] = [];
  const groups = { field: new Map<string, Group<M>>(), header: new Map<string, Group<M>>() };
  for (const match of matches) {
    const condition = match.conditions[depth];
    if (condition === undefined) here.push(match);
    else addTo(groups[condition.kind], condition, match);
  }
  const branches = (['field', 'header'] as const).flatMap((kind) =>
    [...groups[kind]].map(([name, group]) => ({ kind, name, values: buildValues(group, depth + 1) })),
  );
  return new Node(here, branches);
}

/** Matches by the value of one condition. */
type Group<M> = Map<string, M | M[]>;

function addTo<M extends Pattern>(groups: Map<string, Group<M>>, { name, value }: Condition, match: M): void {
  let group = groups.get(name);
  if (group === undefined) {
    group = new Map();
    groups.set(name, group);
  }
  const same = group.get(value);
  if (same === undefined) group.set(value, match);
  else if (Array.isArray(same)) same.push(match);
  else group.set(value, [same, match]);
}

function buildValues<M extends Pattern>(group: Group<M>, depth: number): Map<string, M | Node<M>> {
  const values = new Map<string, M | Node<M>>();
  for (const [value, same] of group) values.set(value, Array.isArray(same) ? buildNode(same, depth) : same);
  return values;
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
