import type { Condition, Pattern } from './pattern.ts';

/** Matches that agree in the conditions on the way down to them. */
export class Node<M> {
  readonly matches: readonly M[];
  readonly branches: readonly Branch<M>[];

  constructor(matches: readonly M[], branches: readonly Branch<M>[]) {
    this.matches = matches;
    this.branches = branches;
  }
}

/** The matches whose next condition is on this field or header, by its value. One alone stands there without a node. */
export interface Branch<M> {
  readonly kind: Condition['kind'];
  readonly name: string;
  readonly values: ReadonlyMap<string, M | Node<M>>;
}

/** Up to this many matches are compared one by one; a further level of maps would cost more. */
const leafSize = 8;

/** The matches as a tree from the condition at `depth` on. */
export function buildNode<M extends Pattern>(matches: readonly M[], depth: number): Node<M> {
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
  const group = getOrMake(groups, name, () => new Map());
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

/** The value of a key, made and kept when there is none. */
export function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
