import type { RouteEntry } from '../snapshot/schema.ts';
import { type Compared, type ComparedNames, comparedOf, isWithin, keyOf, namesOf } from './compared.ts';
import { canHold } from './pattern.ts';

/**
 * The Routes that a proof of shadowed rules has to look at, in the order of the input: those with a rule that may be
 * shadowed, and all that may be the reason. It goes by hashes, which are kept with the entry, so that the tens of
 * thousands of rules that have nothing to do with each other cost neither time nor memory. After `maxChecks` the rest is
 * taken as not shadowed.
 */
export function suspectRoutes(routes: readonly RouteEntry[], maxChecks: number): readonly RouteEntry[] {
  const shapes = shapesOf(routes);
  const work = { left: maxChecks };
  const shadowed = new Set(routes.filter((route) => hasSuspect(route, shapes, work)));
  if (shadowed.size === 0) return [];
  return routes.filter((route) => shadowed.has(route) || heldIn(route).some((held) => isReason(held, shapes)));
}

/** A match that can hold. */
interface Held extends Compared {
  readonly rulePosition: number;
  /** Of the values. */
  readonly hash: number;
}

interface Shape extends ComparedNames {
  readonly mask: number;
  /** The highest priority of a Route with a match of these values, by their hash. */
  readonly priorities: Map<number, number>;
  readonly repeated: Set<number>;
  /** Values that may be the reason why a match is never reached. */
  readonly reasons: Set<number>;
}

type Shapes = ReadonlyMap<string, Shape>;

function shapesOf(routes: readonly RouteEntry[]): Shapes {
  const shapes = new Map<string, Shape>();
  for (const route of routes) for (const held of heldIn(route)) add(shapes, held, route.priority);
  return shapes;
}

function add(shapes: Map<string, Shape>, held: Held, priority: number): void {
  let shape = shapes.get(held.shape);
  if (shape === undefined) {
    const { mask } = held;
    shape = { mask, ...namesOf(held), priorities: new Map(), repeated: new Set(), reasons: new Set() };
    shapes.set(held.shape, shape);
  }
  const { priorities, repeated } = shape;
  const known = priorities.get(held.hash);
  if (known !== undefined) repeated.add(held.hash);
  if (known === undefined || known < priority) priorities.set(held.hash, priority);
}

interface Work {
  left: number;
}

/** Whether each match of a rule may be covered. All reasons are marked. */
function hasSuspect(route: RouteEntry, shapes: Shapes, work: Work): boolean {
  const held = heldIn(route);
  const isCovered = (match: Held) => {
    const among = (shape: Shape, id: string, hash: number) =>
      mayCover(shape, id, hash, match, route.priority) || held.some((own) => isEarlier(own, match, id, hash));
    return markReasons(match, shapes, among, work);
  };
  const rules = Map.groupBy(held, ({ rulePosition }) => rulePosition);
  return [...rules.values()].filter((matches) => matches.every(isCovered)).length > 0;
}

function markReasons(
  match: Held,
  shapes: Shapes,
  mayBe: (shape: Shape, id: string, hash: number) => boolean,
  work: Work,
): boolean {
  let found = false;
  for (const [id, shape] of shapes) {
    work.left -= 1;
    if (work.left < 0) return false;
    if (!isWithin(shape, match)) continue;
    const hash = id === match.shape ? match.hash : hashOf(keyOf(shape, match));
    if (hash === undefined || !mayBe(shape, id, hash)) continue;
    shape.reasons.add(hash);
    found = true;
  }
  return found;
}

/** A match of another Route that compares less wins only by priority; one that compares as much may be older. */
function mayCover(shape: Shape, id: string, hash: number, match: Held, priority: number): boolean {
  if (id === match.shape) return shape.repeated.has(hash);
  const highest = shape.priorities.get(hash);
  return highest !== undefined && (highest > priority || (highest === priority && shape.mask === match.mask));
}

/** In its own Route an earlier rule goes first, however little it compares. */
function isEarlier(own: Held, match: Held, shape: string, hash: number): boolean {
  return own.rulePosition < match.rulePosition && own.shape === shape && own.hash === hash;
}

function isReason({ shape, hash }: Held, shapes: Shapes): boolean {
  return shapes.get(shape)?.reasons.has(hash) === true;
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
