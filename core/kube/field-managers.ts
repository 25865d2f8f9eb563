import type { KubeMetadata } from './types.ts';

const mostManagers = 8;
const longestName = 128;

/**
 * Who wrote an object, its status aside, by the names under which they did: the latest last, at most eight. Equal lists are
 * one value, for thousands of objects have few authors.
 */
export function fieldManagersOf({ managedFields = [] }: KubeMetadata): readonly string[] {
  const names = managedFields
    .filter(({ subresource = '' }) => subresource === '')
    .toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1))
    .map(({ manager = '' }) => manager.slice(0, longestName));
  return shared([...new Set(names.reverse())].slice(0, mostManagers).reverse());
}

function shared(names: readonly string[]): readonly string[] {
  const key = names.join('\n');
  const known = lists.get(key);
  if (known !== undefined) return known;
  if (lists.size >= mostLists) lists.clear();
  lists.set(key, names);
  return names;
}

const lists = new Map<string, readonly string[]>();
const mostLists = 1_000;
