import type { RouteEntry } from '../snapshot/schema.ts';
import { type Compared, type ComparedNames, comparedOf, isWithin, keyOf, namesOf } from './compared.ts';
import { canHold } from './pattern.ts';
import { shapeWeight, type Work } from './shadow-work.ts';

/**
 * The Routes that a proof of shadowed rules has to look at, in the order of the input: those with a rule that may be
 * shadowed, and all that may be the reason. It goes by hashes, which are kept with the entry, so that the tens of
 * thousands of rules that have nothing to do with each other are not ranked. Equal hashes of different values only make it
 * give more Routes than it must, never fewer.
 */
export function suspectRoutes(routes: readonly RouteEntry[], work: Work): readonly RouteEntry[] {
  const all = routes.map((route) => ({ route, held: heldIn(route) }));
  const shapes = hashedShapesOf(all);
  const suspects = new Set(all.filter((one) => markReasons(one, shapes, work)));
  if (suspects.size === 0) return [];
  const isReason = ({ shape, hash }: Held) => shapes.get(shape)?.reasons.has(hash) === true;
  return all.filter((one) => suspects.has(one) || one.held.some(isReason)).map(({ route }) => route);
}

/** A match that can hold. */
interface Held extends Compared {
  readonly rulePosition: number;
  /** Of the values. */
  readonly hash: number;
}

interface HeldRoute {
  readonly route: RouteEntry;
  readonly held: readonly Held[];
}

/** All matches that compare the same fields and headers, by the hash of the values they compare them with. */
interface HashedShape extends ComparedNames {
  readonly id: string;
  readonly mask: number;
  /** The highest priority of a Route with such a match. */
  readonly priorities: Map<number, number>;
  readonly repeated: Set<number>;
  /** Those that may be the reason why a match is never reached. */
  readonly reasons: Set<number>;
}

type HashedShapes = ReadonlyMap<string, HashedShape>;

function hashedShapesOf(all: readonly HeldRoute[]): HashedShapes {
  const shapes = new Map<string, HashedShape>();
  for (const { route, held } of all) for (const match of held) add(shapes, match, route.priority);
  return shapes;
}

function add(shapes: Map<string, HashedShape>, held: Held, priority: number): void {
  let shape = shapes.get(held.shape);
  if (shape === undefined) {
    const [id, names] = [held.shape, namesOf(held)];
    shape = { id, mask: held.mask, ...names, priorities: new Map(), repeated: new Set(), reasons: new Set() };
    shapes.set(id, shape);
  }
  const { priorities, repeated } = shape;
  const known = priorities.get(held.hash);
  if (known !== undefined) repeated.add(held.hash);
  if (known === undefined || known < priority) priorities.set(held.hash, priority);
}

/** Marks what may be the reason why a match of the Route is never reached. True when each match of a rule has one. */
function markReasons({ route, held }: HeldRoute, shapes: HashedShapes, work: Work): boolean {
  const earliest = earliestRules(held);
  const hasReason = (match: Held): boolean => {
    let found = false;
    for (const shape of shapes.values()) {
      if (work.left <= 0) return false;
      const isPart = isWithin(shape, match);
      work.left -= isPart ? shapeWeight : 1;
      const hash = isPart ? hashIn(shape, match) : undefined;
      if (hash === undefined) continue;
      const isEarlier = (earliest.get(shape.id)?.get(hash) ?? Number.POSITIVE_INFINITY) < match.rulePosition;
      if (!isEarlier && !mayCover(shape, hash, match, route.priority)) continue;
      shape.reasons.add(hash);
      found = true;
    }
    return found;
  };
  const rules = Map.groupBy(held, ({ rulePosition }) => rulePosition);
  // Not `some`: the reasons of every rule have to be marked.
  return [...rules.values()].filter((matches) => matches.every(hasReason)).length > 0;
}

/** The first rule of a Route with each match. In its own Route an earlier rule goes first, however little it compares. */
function earliestRules(held: readonly Held[]): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const earliest = new Map<string, Map<number, number>>();
  const [first] = held;
  // Matches of one shape meet each other as repeated ones, and most Routes have one shape.
  if (first === undefined || held.every(({ shape }) => shape === first.shape)) return earliest;
  for (const { shape, hash, rulePosition } of held) {
    const positions = earliest.get(shape) ?? new Map<number, number>();
    if (!positions.has(hash)) positions.set(hash, rulePosition);
    earliest.set(shape, positions);
  }
  return earliest;
}

function hashIn(shape: HashedShape, match: Held): number | undefined {
  return shape.id === match.shape ? match.hash : hashOf(keyOf(shape, match));
}

/** A match of another Route that compares less wins only by priority; one that compares as much may be older. */
function mayCover(
  { id, mask, priorities, repeated }: HashedShape,
  hash: number,
  match: Held,
  priority: number,
): boolean {
  if (id === match.shape) return repeated.has(hash);
  const highest = priorities.get(hash);
  return highest !== undefined && (highest > priority || (highest === priority && mask === match.mask));
}

function heldIn(route: RouteEntry): readonly Held[] {
  const hashes = hashesOf(route);
  const held: Held[] = [];
  let at = 0;
  for (const [rulePosition, { matches }] of route.rules.entries()) {
    for (const match of matches) {
      const hash = hashes[at];
      at += 1;
      if (hash === undefined) continue;
      const { entry, headers, mask, shape } = comparedOf(match);
      held.push({ entry, headers, mask, shape, rulePosition, hash });
    }
  }
  return held;
}

/** One for each match of the Route, in order; undefined: it cannot hold. */
function hashesOf(route: RouteEntry): readonly (number | undefined)[] {
  const known = hashesOfRoute.get(route);
  if (known !== undefined) return known;
  const hashes = route.rules
    .flatMap(({ matches }) => matches)
    .map((match) => {
      const compared = comparedOf(match);
      return canHold(match) ? hashOf(keyOf(namesOf(compared), compared)) : undefined;
    });
  hashesOfRoute.set(route, hashes);
  return hashes;
}

const hashesOfRoute = new WeakMap<RouteEntry, readonly (number | undefined)[]>();

/** FNV-1a over UTF-16 code units, in 30 bits: the engine keeps such a number in its place, and a larger one apart. */
function hashOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 30)) & 0x3fffffff;
}
