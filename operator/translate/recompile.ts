import type { RouteEntry } from '../../core/snapshot/schema.ts';
import type { Route } from '../../crds/route.ts';
import type { Declared, Resources } from '../resources.ts';
import { chargesOf } from './budgets.ts';
import type { Compilation } from './compilation.ts';
import { propose, reused, type Settled, settle } from './proposal.ts';
import { type Published, sourceLookups } from './published.ts';
import { routeRules } from './routes.ts';

/**
 * The result of `compile` at the cost of the changed Routes alone. Undefined when anything but the spec of Routes changed
 * since `previous`, when `previous` is not what is published, when an entry comes or goes, or when a budget has no room.
 */
export function recompile(
  resources: Resources,
  published: Published,
  previous: Compilation | undefined,
): Compilation | undefined {
  if (previous === undefined || previous.content !== published.content) return undefined;
  const { basis } = previous;
  if (basis.spare === undefined || basis.versionKey !== published.versionKey) return undefined;
  if (!differsInRoutesAlone(resources, basis.resources)) return undefined;
  const changes = changesOf(basis.resources.routes, resources.routes);
  if (changes === undefined) return undefined;
  if (changes.length === 0) return previous;

  const routes = [...previous.routes];
  const entries = [...previous.content.routes];
  const spare = [...basis.spare];
  // A Route has no texts and no credentials, so its charges are its own, and the rest of the content stays.
  for (const { before, after } of changes) {
    const at = placeOf(routes, before.name, ({ declared }) => declared.name);
    const held = routes[at];
    if (held?.declared !== before) return undefined;
    const settled = settleRoute(after, held, resources, published);
    for (const { budget, amount } of chargesOf(held.candidate)) spare[budget] = (spare[budget] ?? 0) + amount;
    for (const { budget, amount } of chargesOf(settled.candidate)) spare[budget] = (spare[budget] ?? 0) - amount;
    routes[at] = settled;
    if (settled.entry === held.entry) continue;
    if (settled.entry === undefined || held.entry === undefined) return undefined;
    entries[placeOf(entries, held.entry.name, ({ name }) => name)] = settled.entry;
  }
  if (spare.some((left) => left < 0)) return undefined;
  return {
    ...previous,
    routes,
    content: { ...previous.content, routes: entries },
    basis: { ...basis, resources, spare },
  };
}

function differsInRoutesAlone(now: Resources, before: Resources): boolean {
  return (
    now.agents === before.agents &&
    now.cronJobs === before.cronJobs &&
    now.secrets === before.secrets &&
    now.configMaps === before.configMaps &&
    now.volumes === before.volumes
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
    if (old?.uid !== route.uid || old.name !== route.name) return undefined;
    changes.push({ before: old, after: route });
  }
  return changes;
}

function settleRoute(
  declared: Declared<Route>,
  held: Settled<Declared<Route>, RouteEntry>,
  resources: Resources,
  published: Published,
): Settled<Declared<Route>, RouteEntry> {
  // The published list is not searched: what was settled is what is published.
  const publishedRoute = (uid: string) => (uid === declared.uid ? held.entry : undefined);
  const lookups = { ...sourceLookups(resources, published), publishedRoute };
  const proposals = propose([declared], routeRules, lookups);
  const [settled] = settle(proposals, new Map(), lookups, (entry) => reused(entry, held.entry));
  if (settled === undefined) throw new Error(`nothing was decided about Route ${declared.name}`);
  return settled;
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
