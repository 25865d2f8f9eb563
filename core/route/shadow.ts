import type { RouteEntry } from '../snapshot/schema.ts';
import { proveShadowed, type ShadowedRule } from './shadow-proof.ts';
import { suspectRoutes } from './shadow-suspects.ts';
import { createWork } from './shadow-work.ts';

/**
 * The rules that can never win, each with proof: whatever meets one of its matches also meets a match of a rule that then
 * always goes before it. Exact for fields and headers; of expressions it knows only that equal texts give equal answers.
 * In the order of the input; what is found does not depend on that order.
 */
export function findShadowed(routes: readonly RouteEntry[]): readonly ShadowedRule[] {
  return proveShadowed(suspectRoutes(routes, createWork()), createWork());
}
