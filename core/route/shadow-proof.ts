import { matchFields, type RouteEntry } from '../snapshot/schema.ts';
import { comparedFields, headerOf, isWithin } from './compared.ts';
import { compareAge, compareMatches } from './order.ts';
import { partsIn, type RankedMatch, rankRoute, type Shape, shapesOf } from './shadow-shapes.ts';
import { shapeWeight, type Work } from './shadow-work.ts';

/** A rule that no message can reach, and a rule that makes it so. */
export interface ShadowedRule {
  readonly route: string;
  readonly rule: string;
  readonly by: { readonly route: string; readonly rule: string };
}

/** The rules of these Routes that can never win, as `findShadowed` promises it, by looking at each of them. */
export function proveShadowed(routes: readonly RouteEntry[], work: Work): readonly ShadowedRule[] {
  const ranked = routes.map(rankRoute);
  const shapes = shapesOf(ranked);
  const found: ShadowedRule[] = [];
  for (const route of ranked) {
    for (const { name, matches } of route.rules) {
      if (work.left <= 0) return found;
      const by = shadowOf(matches, shapes, work);
      if (by !== undefined) found.push({ route: route.name, rule: name, by });
    }
  }
  return found;
}

/** The rule that covers the first match, when every match is covered. */
function shadowOf(
  matches: readonly RankedMatch[],
  shapes: readonly Shape[],
  work: Work,
): ShadowedRule['by'] | undefined {
  let first: RankedMatch | undefined;
  for (const match of matches) {
    const cover = coverOf(match, shapes, work);
    if (cover === undefined) return undefined;
    first ??= cover;
  }
  return first && { route: first.route.name, rule: first.rule.name };
}

/** A match that holds whenever this one does, and whose Route then always wins; of several the one that goes first. */
function coverOf(match: RankedMatch, shapes: readonly Shape[], work: Work): RankedMatch | undefined {
  let best = coverInRoute(match, work);
  for (const shape of shapes) {
    work.left -= isWithin(shape, match) ? shapeWeight : 1;
    const group = partsIn(shape, match);
    const cover = group && coverInGroup(group, match);
    if (cover !== undefined && (best === undefined || compareMatches(cover, best) < 0)) best = cover;
  }
  return best;
}

/** In its own Route an earlier rule goes first, however little it compares. */
function coverInRoute(match: RankedMatch, work: Work): RankedMatch | undefined {
  for (const rule of match.route.rules) {
    if (rule === match.rule) return undefined;
    work.left -= rule.matches.length;
    for (const other of rule.matches) if (isPartOf(other, match)) return other;
  }
  return undefined;
}

/** Of other Routes one of higher priority goes first, and of equal priority an older one that compares as much. */
function coverInGroup(group: readonly RankedMatch[], match: RankedMatch): RankedMatch | undefined {
  const [first] = group;
  if (first === undefined || first.route.priority > match.route.priority) return first;
  if (first.specificity < match.specificity) return undefined;
  for (const other of group.slice(0, maxTries)) {
    if (other.route.priority < match.route.priority || compareAge(other.route, match.route) >= 0) return undefined;
    if (competesNoLower(other, match)) return other;
  }
  return undefined;
}

/** So many equal matches of one priority are tried. It bounds the time; the first one is nearly always proof. */
const maxTries = 32;

/** A Route competes with its first rule that matches: none before this one may hold then and be less specific. */
function competesNoLower(other: RankedMatch, match: RankedMatch): boolean {
  return other.route.rules
    .slice(0, other.rulePosition)
    .every((rule) => rule.matches.every((held) => held.specificity >= match.specificity || excludes(held, match)));
}

/** Whether both compare the same field or header with different values, so that no message meets both. */
function excludes(a: RankedMatch, b: RankedMatch): boolean {
  return (
    matchFields.some((name) => (a.entry[name] ?? b.entry[name]) !== (b.entry[name] ?? a.entry[name])) ||
    a.headers.some(({ name, value }) => (headerOf(b, name) ?? value) !== value)
  );
}

function isPartOf(part: RankedMatch, whole: RankedMatch): boolean {
  return (
    isWithin(part, whole) &&
    comparedFields.every(({ name }) => (part.entry[name] ?? whole.entry[name]) === whole.entry[name]) &&
    part.headers.every(({ name, value }) => headerOf(whole, name) === value)
  );
}
