import type { RouteEntry } from '../../core/snapshot/schema.ts';
import type { Route } from '../../crds/route.ts';
import type { Declared, Resources } from '../resources.ts';
import { chargesOf } from './budgets.ts';
import type { Compilation } from './compile.ts';
import { propose, reused, type Settled, settle } from './proposal.ts';
import { type Published, sourceLookups } from './published.ts';
import { routeRules } from './routes.ts';

/** What a compilation was made from, and what it left of each budget; undefined where not everything fits. */
export interface Basis {
  readonly resources: Resources;
  readonly versionKey: string;
  readonly spare: readonly number[] | undefined;
}

const bases = new WeakMap<Compilation, Basis>();

/** Remembers how a compilation was made, so that the next may start from it. */
export function withBasis(compilation: Compilation, basis: Basis): Compilation {
  bases.set(compilation, basis);
  return compilation;
}

/**
 * What `compile` would give, at the cost of the changed Routes alone: for when since `previous`, whose content is what is
 * published, nothing changed but specs of Routes, and all has room. Otherwise undefined.
 */
export function recompile(
  resources: Resources,
  published: Published,
  previous: Compilation | undefined,
): Compilation | undefined {
  const basis = previous && bases.get(previous);
  if (previous === undefined || basis?.spare === undefined) return undefined;
  if (previous.content !== published.content || basis.versionKey !== published.versionKey) return undefined;
  if (!differsInRoutesAlone(resources, basis.resources)) return undefined;
  const changes = changesOf(basis.resources.routes, resources.routes);
  if (changes === undefined) return undefined;

  const routes = [...previous.routes];
  const entries = [...previous.content.routes];
  const spare = [...basis.spare];
  for (const { before, after } of changes) {
    const at = placeOf(routes, before.name, ({ declared }) => declared.name);
    const held = routes[at];
    if (held?.declared !== before) return undefined;
    const settled = settleRoute(after, held, resources, published);
    if (settled === undefined) return undefined;
    for (const { budget, amount } of chargesOf(held.candidate)) spare[budget] = (spare[budget] ?? 0) + amount;
    for (const { budget, amount } of chargesOf(settled.candidate)) spare[budget] = (spare[budget] ?? 0) - amount;
    routes[at] = settled;
    if (settled.entry === held.entry) continue;
    if (settled.entry === undefined || held.entry === undefined) return undefined;
    const place = placeOf(entries, held.entry.name, ({ name }) => name);
    if (entries[place] !== held.entry) return undefined;
    entries[place] = settled.entry;
  }
  if (spare.some((left) => left < 0)) return undefined;
  const compilation = { ...previous, routes, content: { ...previous.content, routes: entries } };
  return withBasis(compilation, { resources, versionKey: basis.versionKey, spare });
}

function differsInRoutesAlone(now: Resources, before: Resources): boolean {
  return (
    now.agents === before.agents &&
    now.cronJobs === before.cronJobs &&
    now.secrets === before.secrets &&
    now.configMaps === before.configMaps
  );
}

interface RouteChange {
  readonly before: Declared<Route>;
  readonly after: Declared<Route>;
}

/** undefined when a Route came or went. */
function changesOf(
  before: readonly Declared<Route>[],
  after: readonly Declared<Route>[],
): readonly RouteChange[] | undefined {
  if (before.length !== after.length) return undefined;
  const changes: RouteChange[] = [];
  for (const [at, route] of after.entries()) {
    const old = before[at];
    if (old === route) continue;
    if (old?.uid !== route.uid || old.name !== route.name || old.createdAt !== route.createdAt) return undefined;
    changes.push({ before: old, after: route });
  }
  return changes;
}

function settleRoute(
  declared: Declared<Route>,
  held: Settled<Declared<Route>, RouteEntry>,
  resources: Resources,
  published: Published,
): Settled<Declared<Route>, RouteEntry> | undefined {
  // The published list is not searched: what was settled is what is published.
  const publishedRoute = (uid: string) => (uid === declared.uid ? held.entry : undefined);
  const lookups = { ...sourceLookups(resources, published), publishedRoute };
  const proposals = propose([declared], routeRules, lookups);
  return settle(proposals, new Map(), lookups, (entry) => reused(entry, held.entry))[0];
}

/** Where a name stands, or would stand, in a list that is sorted by name. */
function placeOf<T>(list: readonly T[], name: string, nameOf: (item: T) => string): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = list[middle];
    if (item !== undefined && nameOf(item) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
