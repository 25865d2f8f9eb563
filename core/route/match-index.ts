import type { MatchField } from '../snapshot/schema.ts';
import type { Envelope } from './envelope.ts';
import type { Condition, Pattern } from './pattern.ts';

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

/** Matches of one place in the tree that go and that come. */
interface Change<M> {
  readonly removed: ReadonlySet<M>;
  readonly added: readonly M[];
}

/** A node like this one after the change; only what the change touches is copied. */
function changeNode<M extends Pattern>(node: Node<M>, change: Change<M>, depth: number): Node<M> {
  if (change.removed.size === 0 && change.added.length === 0) return node;
  if (node.branches.length === 0) return buildNode(applied(node.matches, change), depth);
  const here: M[] = [];
  const touched = { field: new Map<string, Values<M>>(), header: new Map<string, Values<M>>() };
  const place = (match: M, part: 'removed' | 'added') => {
    const condition = match.conditions[depth];
    if (condition === undefined) {
      if (part === 'added') here.push(match);
      return;
    }
    const { kind, name, value } = condition;
    const values = getOrMake(touched[kind], name, () => new Map());
    const change = getOrMake(values, value, () => ({ removed: new Set<M>(), added: [] }));
    if (part === 'added') change.added.push(match);
    else change.removed.add(match);
  };
  for (const match of change.removed) place(match, 'removed');
  for (const match of change.added) place(match, 'added');
  const branches = node.branches.map((branch) => changeBranch(branch, touched[branch.kind], depth + 1));
  const fresh = (['field', 'header'] as const).flatMap((kind) =>
    [...touched[kind]].map(([name, values]) => changeValues({ kind, name, values: new Map() }, values, depth + 1)),
  );
  return new Node(
    applied(node.matches, { removed: change.removed, added: here }),
    [...branches, ...fresh].filter(({ values }) => values.size > 0),
  );
}

/** What goes and comes below one branch, by the value. */
type Values<M> = Map<string, { readonly removed: Set<M>; readonly added: M[] }>;

/** Takes the branch's own part out of `touched`. */
function changeBranch<M extends Pattern>(branch: Branch<M>, touched: Map<string, Values<M>>, depth: number): Branch<M> {
  const values = touched.get(branch.name);
  if (values === undefined) return branch;
  touched.delete(branch.name);
  return changeValues(branch, values, depth);
}

function changeValues<M extends Pattern>(branch: Branch<M>, changes: Values<M>, depth: number): Branch<M> {
  const values = new Map(branch.values);
  for (const [value, change] of changes) {
    const next = changeValue(values.get(value), change, depth);
    if (next === undefined) values.delete(value);
    else values.set(value, next);
  }
  return { ...branch, values };
}

function changeValue<M extends Pattern>(
  present: M | Node<M> | undefined,
  change: Change<M>,
  depth: number,
): M | Node<M> | undefined {
  if (present instanceof Node) {
    const node = changeNode(present, change, depth);
    return node.matches.length + node.branches.length === 0 ? undefined : node;
  }
  const matches = applied(present === undefined ? [] : [present], change);
  return matches.length > 1 ? buildNode(matches, depth) : matches[0];
}

function applied<M>(matches: readonly M[], { removed, added }: Change<M>): readonly M[] {
  return [...matches.filter((match) => !removed.has(match)), ...added];
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
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
