import { type MatchEntry, type MatchField, matchFields, type RouteEntry, type RuleEntry } from '../snapshot/schema.ts';
import { ageOf, compareMatches, type MatchRank, type RouteRank, specificity } from './order.ts';
import { canHold, type HeaderPattern, headersOf } from './pattern.ts';

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

export interface RankedMatch extends MatchRank {
  readonly route: RankedRoute;
  readonly rule: RankedRule;
  readonly entry: MatchEntry;
  readonly headers: readonly HeaderPattern[];
  /** One bit for each of `comparedFields` that the match names, and one for headers. */
  readonly mask: number;
  /** What it compares, without the values, and the values: equal for matches that compare the same with the same. */
  readonly shape: string;
  readonly key: string;
}

/** An expression counts as one more field: only its text is known. */
export const comparedFields = [...matchFields, 'expression' as const].map((name, at) => ({ name, bit: 1 << at }));
const headersBit = 1 << comparedFields.length;

/** Ranks a Route. The same entry is ranked once: the proof is made anew at every change, and few Routes change. */
export function rankRoute(entry: RouteEntry): RankedRoute {
  let route = ranked.get(entry);
  if (route === undefined) {
    route = createRanked(entry);
    ranked.set(entry, route);
  }
  return route;
}

const ranked = new WeakMap<RouteEntry, RankedRoute>();

/** All matches that compare the same fields and headers, by the values they compare them with. */
export interface Shape {
  readonly id: string;
  readonly mask: number;
  readonly fields: readonly (MatchField | 'expression')[];
  readonly headerNames: readonly string[];
  /** Matches that compare the same with the same, those that win first at the front. */
  readonly groups: Map<string, RankedMatch[]>;
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
    shape = shapeOf(match);
    shapes.set(match.shape, shape);
  }
  const group = shape.groups.get(match.key);
  if (group === undefined) shape.groups.set(match.key, [match]);
  else group.push(match);
}

/** The matches of this shape that hold whenever this one does: they compare a part of what it compares, or the same. */
export function partsIn(shape: Shape, match: RankedMatch): readonly RankedMatch[] | undefined {
  if ((shape.mask & ~match.mask) !== 0) return undefined;
  if (shape.id === match.shape) return shape.groups.get(match.key);
  const key = keyOf(shape, match);
  return key === undefined ? undefined : shape.groups.get(key);
}

/** The value that a match compares this header with. */
export function headerOf({ headers }: Pick<RankedMatch, 'headers'>, wanted: string): string | undefined {
  return headers.find(({ name }) => name === wanted)?.value;
}

function createRanked({ name, priority, createdAt, rules: entries }: RouteEntry): RankedRoute {
  const rules: RankedRule[] = [];
  const route: RankedRoute = { name, priority, createdAt: ageOf(createdAt), rules };
  for (const [rulePosition, { name: ruleName, agentRefs, matches: declared }] of entries.entries()) {
    const rule = { name: ruleName, agentRefs, matches: [] as readonly RankedMatch[] };
    const held = [...declared.entries()].filter(([, entry]) => canHold(entry));
    // An array that is mapped takes what it needs, one that is pushed to far more.
    rule.matches = held.map(([position, entry]) => rankedMatch({ route, rule, rulePosition, position }, entry));
    rules.push(rule);
  }
  return route;
}

/** There are tens of thousands, so that what they have in common is shared. */
function rankedMatch(
  { route, rule, rulePosition, position }: Pick<RankedMatch, 'route' | 'rule' | 'rulePosition' | 'position'>,
  entry: MatchEntry,
): RankedMatch {
  const headers = headersOf(entry);
  const headerNames = headers.map(({ name }) => name);
  let mask = headers.length === 0 ? 0 : headersBit;
  for (const { name, bit } of comparedFields) if (entry[name] !== undefined) mask |= bit;
  const shape = headers.length === 0 ? plainShapeOf(mask) : `${mask} ${headerNames.join(' ')}`;
  const key = keyOf({ fields: fieldsOf(mask), headerNames }, { entry, headers }) ?? '';
  return { route, rule, rulePosition, position, specificity: specificity(entry), entry, headers, mask, shape, key };
}

const plainShapes = new Map<number, string>();

function plainShapeOf(mask: number): string {
  const shape = plainShapes.get(mask) ?? `${mask} `;
  plainShapes.set(mask, shape);
  return shape;
}

function shapeOf({ shape: id, mask, headers }: RankedMatch): Shape {
  const headerNames = headers.map(({ name }) => name);
  return { id, mask, fields: fieldsOf(mask), headerNames, groups: new Map() };
}

function fieldsOf(mask: number): Shape['fields'] {
  return comparedFields.filter(({ bit }) => (mask & bit) !== 0).map(({ name }) => name);
}

/** The values under these names, as one text that no other values give; undefined when a header is missing. */
function keyOf(
  { fields, headerNames }: Pick<Shape, 'fields' | 'headerNames'>,
  match: Pick<RankedMatch, 'entry' | 'headers'>,
): string | undefined {
  const parts: (string | number)[] = [];
  for (const name of fields) parts.push(match.entry[name]?.length ?? 0, ':', match.entry[name] ?? '');
  for (const name of headerNames) {
    const value = headerOf(match, name);
    if (value === undefined) return undefined;
    parts.push(value.length, ':', value);
  }
  // Joined, because a sum of strings would keep all its parts.
  return parts.join('');
}
