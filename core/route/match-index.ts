import type { MatchField } from '../snapshot/schema.ts';
import type { Envelope } from './envelope.ts';

/** One exact comparison of a match. Header names are lower case. */
export type Condition =
  | { readonly kind: 'field'; readonly name: MatchField; readonly value: string }
  | { readonly kind: 'header'; readonly name: string; readonly value: string };

/** What the index needs of a match: its comparisons, those that narrow most first, always in the same order of fields. */
export interface Conditional {
  readonly conditions: readonly Condition[];
}

/** Finds the matches whose fields and headers all hold, without looking at the others. */
export interface MatchIndex<M extends Conditional> {
  readonly find: (envelope: Envelope) => M[];
}

/** Builds the index once; it is never changed afterwards. */
export function createMatchIndex<M extends Conditional>(matches: readonly M[]): MatchIndex<M> {
  const root = buildNode(matches, 0);
  return {
    find: (envelope) => {
      const found: M[] = [];
      collect(root, envelope, found);
      return found;
    },
  };
}

/** All matches below a node share their first `depth` conditions, which the way down to it has tested. */
interface Node<M> {
  readonly depth: number;
  readonly matches: readonly M[];
  readonly branches: readonly Branch<M>[];
}

/** The matches whose next condition is on this field or header, by its value. */
interface Branch<M> {
  readonly kind: Condition['kind'];
  readonly name: string;
  readonly values: Map<string, Node<M>>;
}

/** Up to this many matches are compared one by one; a further level of maps costs more. */
const leafSize = 8;

function buildNode<M extends Conditional>(matches: readonly M[], depth: number): Node<M> {
  if (matches.length <= leafSize) return { depth, matches, branches: [] };
  const here: M[] = [];
  const groups = new Map<string, { readonly condition: Condition; readonly values: Map<string, M[]> }>();
  for (const match of matches) {
    const condition = match.conditions[depth];
    if (condition === undefined) here.push(match);
    else addToGroup(groups, condition, match);
  }
  const branches = [...groups.values()].map(({ condition: { kind, name }, values }) => ({
    kind,
    name,
    values: new Map([...values].map(([value, group]) => [value, buildNode(group, depth + 1)] as const)),
  }));
  return { depth, matches: here, branches };
}

function addToGroup<M>(
  groups: Map<string, { readonly condition: Condition; readonly values: Map<string, M[]> }>,
  condition: Condition,
  match: M,
): void {
  const key = `${condition.kind} ${condition.name}`;
  let group = groups.get(key);
  if (group === undefined) {
    group = { condition, values: new Map() };
    groups.set(key, group);
  }
  const same = group.values.get(condition.value);
  if (same === undefined) group.values.set(condition.value, [match]);
  else same.push(match);
}

function collect<M extends Conditional>(node: Node<M>, envelope: Envelope, found: M[]): void {
  for (const match of node.matches) if (holdsFrom(match, node.depth, envelope)) found.push(match);
  for (const branch of node.branches) {
    const value = read(envelope, branch.kind, branch.name);
    if (value === undefined || value === '') continue;
    const next = branch.values.get(value);
    if (next !== undefined) collect(next, envelope, found);
  }
}

function holdsFrom(match: Conditional, depth: number, envelope: Envelope): boolean {
  for (let at = depth; at < match.conditions.length; at++) {
    const condition = match.conditions[at];
    if (condition === undefined || condition.value === '') return false;
    if (read(envelope, condition.kind, condition.name) !== condition.value) return false;
  }
  return true;
}

function read(envelope: Envelope, kind: Condition['kind'], name: string): string | undefined {
  return kind === 'field' ? envelope[name as MatchField] : envelope.headers[name];
}
