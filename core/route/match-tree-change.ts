import { type Branch, buildNode, getOrMake, Node } from './match-tree.ts';
import type { Pattern } from './pattern.ts';

/** Matches of one place in the tree that go and that come. */
export interface Change<M> {
  readonly removed: ReadonlySet<M>;
  readonly added: readonly M[];
}

/**
 * The node at `depth` after a change. Only what the change touches is copied, the node itself stays as it is. A node that
 * has branches keeps them when few matches are left.
 */
export function changeNode<M extends Pattern>(node: Node<M>, change: Change<M>, depth: number): Node<M> {
  if (change.removed.size === 0 && change.added.length === 0) return node;
  if (node.branches.length === 0) return buildNode(applied(node.matches, change), depth);
  const { here, below } = partition(change, depth);
  const missing = [...below.values()].filter(({ kind, name }) => !node.branches.some(isOn(kind, name)));
  const branches = [...node.branches, ...missing.map(({ kind, name }) => ({ kind, name, values: new Map() }))];
  return new Node(
    applied(node.matches, here),
    branches
      .map((branch) => changeBranch(branch, below.get(branchKey(branch)), depth + 1))
      .filter(({ values }) => values.size > 0),
  );
}

/** What goes and comes below one branch, by the value. */
interface BranchChange<M> extends Pick<Branch<M>, 'kind' | 'name'> {
  readonly byValue: Map<string, MutableChange<M>>;
}

interface MutableChange<M> {
  readonly removed: Set<M>;
  readonly added: M[];
}

/** What the change does to the node itself, and to each of its branches. */
function partition<M extends Pattern>({ removed, added }: Change<M>, depth: number) {
  const here = noChange<M>();
  const below = new Map<string, BranchChange<M>>();
  const placeOf = ({ conditions }: M): MutableChange<M> => {
    const condition = conditions[depth];
    if (condition === undefined) return here;
    const { kind, name, value } = condition;
    const branch = getOrMake(below, branchKey(condition), () => ({ kind, name, byValue: new Map() }));
    return getOrMake(branch.byValue, value, noChange<M>);
  };
  for (const match of removed) placeOf(match).removed.add(match);
  for (const match of added) placeOf(match).added.push(match);
  return { here, below };
}

function noChange<M>(): MutableChange<M> {
  return { removed: new Set(), added: [] };
}

function isOn(kind: Branch<unknown>['kind'], name: string) {
  return (branch: Branch<unknown>) => branch.kind === kind && branch.name === name;
}

function branchKey({ kind, name }: Pick<Branch<unknown>, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

function changeBranch<M extends Pattern>(
  branch: Branch<M>,
  change: BranchChange<M> | undefined,
  depth: number,
): Branch<M> {
  if (change === undefined) return branch;
  const values = new Map(branch.values);
  for (const [value, changes] of change.byValue) {
    const next = changePlace(values.get(value), changes, depth);
    if (next === undefined) values.delete(value);
    else values.set(value, next);
  }
  return { ...branch, values };
}

/** What stands at one value: nothing, one match alone, or a node. */
function changePlace<M extends Pattern>(
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
