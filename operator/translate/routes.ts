import type { RouteEntry, RuleEntry } from '../../core/snapshot/schema.ts';
import type { Route } from '../../crds/route.ts';
import type { Declared } from '../resources.ts';
import { absent, type Candidate, type KindRules, type SourceLookups } from './candidate.ts';
import { memoised } from './memo.ts';

/** A Route has its newest generation in force, or when that is not accepted, its last accepted one. */
export const routeRules: KindRules<Declared<Route>, RouteEntry> = {
  choose: memoised((declared: Declared<Route>, lookups: SourceLookups) => {
    const fresh = routeCandidate(routeEntry(declared));
    const { rejection } = declared;
    return { candidate: rejection === undefined ? fresh : publishedRoute(declared, lookups), rejection, fresh };
  }),
  fallback: memoised(publishedRoute),
};

function publishedRoute(declared: Declared<Route>, lookups: SourceLookups): Candidate<RouteEntry> {
  return routeCandidate(lookups.publishedRoute(declared.uid));
}

function routeCandidate(entry: RouteEntry | undefined): Candidate<RouteEntry> {
  return entry === undefined ? absent : { ...absent, entry };
}

function routeEntry({ name, uid, generation, createdAt, spec }: Declared<Route>): RouteEntry | undefined {
  return (
    spec && {
      name,
      uid,
      generation,
      createdAt,
      priority: spec.priority,
      rules: spec.rules.map(ruleEntry),
    }
  );
}

/** Rules are many, and most are as they are declared. */
function ruleEntry(rule: Route['spec']['rules'][number]): RuleEntry {
  const { session, ...same } = rule;
  return session === undefined ? rule : { ...same, sessionScope: session.scope };
}
