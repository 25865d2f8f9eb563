import type { RouteEntry, RuleEntry } from '../snapshot/schema.ts';
import { type Compared, type ComparedNames, comparedOf, isWithin, keyOf, namesOf } from './compared.ts';
import { ageOf, compareMatches, type MatchRank, type RouteRank, specificity } from './order.ts';
import { canHold } from './pattern.ts';

/** A Route as proofs about it see it. */
export interface RankedRoute extends RouteRank {
  readonly rules: readonly RankedRule[];
}

export interface RankedRule {
  readonly name: string;
  readonly agentRefs: RuleEntry['agentRefs'];
  /** Those that can hold. */
  readonly matches: readonly RankedMatch[];
}

export interface RankedMatch extends MatchRank, Compared {
  readonly route: RankedRoute;
  readonly rule: RankedRule;
}

/** All matches that compare the same fields and headers, by the values they compare them with. */
export interface Shape extends ComparedNames {
  readonly id: string;
  readonly mask: number;
  /** Matches by the key of their values, those that win first at the front. */
  readonly groups: Map<string, RankedMatch[]>;
}

/** Ranks a Route. Not remembered: the result is several times as large as the entry. */
export function rankRoute({ name, priority, createdAt, rules: entries }: RouteEntry): RankedRoute {
  const rules: RankedRule[] = [];
  const route: RankedRoute = { name, priority, createdAt: ageOf(createdAt), rules };
  for (const [rulePosition, { name: ruleName, agentRefs, matches: declared }] of entries.entries()) {
    const rule = { name: ruleName, agentRefs, matches: [] as readonly RankedMatch[] };
    const held = [...declared.entries()].filter(([, entry]) => canHold(entry));
    // An array that is mapped takes what it needs, one that is pushed to far more.
    rule.matches = held.map(([position, entry]) => {
      return { route, rule, rulePosition, position, specificity: specificity(entry), ...comparedOf(entry) };
    });
    rules.push(rule);
  }
  return route;
}

/** All shapes of these Routes, usually a handful. */
export function shapesOf(routes: readonly RankedRoute[]): readonly Shape[] {
  const shapes = new Map<string, Shape>();
  for (const { rules } of routes) {
    for (const { matches } of rules) for (const match of matches) add(shapes, match);
  }
  for (const { groups } of shapes.values()) {
    for (const group of groups.values()) if (group.length > 1) group.sort(compareMatches);
  }
  return [...shapes.values()];
}

function add(shapes: Map<string, Shape>, match: RankedMatch): void {
  let shape = shapes.get(match.shape);
  if (shape === undefined) {
    shape = { id: match.shape, mask: match.mask, ...namesOf(match), groups: new Map() };
    shapes.set(match.shape, shape);
  }
  const key = keyOf(shape, match);
  if (key === undefined) throw new Error('a match has no value for a name of its own shape');
  const group = shape.groups.get(key);
  if (group === undefined) shape.groups.set(key, [match]);
  else group.push(match);
}

/** The matches of this shape that hold whenever this one does: they compare a part of what it compares, or the same. */
export function partsIn(shape: Shape, match: RankedMatch): readonly RankedMatch[] | undefined {
  if (!isWithin(shape, match)) return undefined;
  const key = keyOf(shape, match);
  return key === undefined ? undefined : shape.groups.get(key);
}
