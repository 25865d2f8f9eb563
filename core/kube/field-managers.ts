import { createInterner } from '../lib/intern.ts';
import type { KubeMetadata } from './types.ts';

const mostManagers = 8;
const longestName = 128;

/**
 * Who wrote an object, its status aside, by the names under which they did: the latest last, at most eight. Equal lists are
 * one value as a rule, for thousands of objects have few authors.
 */
export function fieldManagersOf({ managedFields = [] }: KubeMetadata): readonly string[] {
  const names = managedFields
    .filter(({ subresource = '' }) => subresource === '')
    .toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1))
    .map(({ manager = '' }) => manager.slice(0, longestName));
  return intern([...new Set(names.reverse())].slice(0, mostManagers).reverse());
}

const intern = createInterner<readonly string[]>(1_000);
