import type { Manifest } from './case.ts';

/** Gives pseudo-random whole numbers from 0 to below `bound`; the same seed gives the same numbers. */
export type Random = (bound: number) => number;

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** A copy of a manifest with one thing in its spec changed: a member gone, renamed, or with another value. */
export function mutated(manifest: Manifest, random: Random): { manifest: Manifest; change: string } {
  const copy = structuredClone(manifest);
  const places = placesOf(copy.spec, 'spec');
  const place = places[random(places.length)];
  if (place === undefined) return { manifest: copy, change: 'nothing' };
  const { holder, key, path } = place;
  const change = random(4);
  if (change === 0) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
    return { manifest: copy, change: `${path} is gone` };
  }
  if (change === 1 && Array.isArray(holder)) {
    holder.push(structuredClone(holder[Number(key)]));
    return { manifest: copy, change: `${path} stands twice` };
  }
  if (change === 1) {
    const name = String(key);
    holder[`${name}s`] = holder[name];
    delete holder[name];
    return { manifest: copy, change: `${path} is misspelt` };
  }
  const value = values[random(values.length)];
  holder[key as never] = structuredClone(value) as never;
  return { manifest: copy, change: `${path} is ${JSON.stringify(value)}` };
}

const values: readonly unknown[] = [
  null, true, false, 0, 1, -1, 0.5, 41, 100_000, 2 ** 53, '', 'a', 'A', 'a b', 'a/b', '0', '-', 'a'.repeat(41), 'é', '🚀'.repeat(260),
  'Chat', 'api', '2030-01-01T00:00:00Z', '0 0 * * *', 'https://example.com/a', 'Europe/Berlin', '../x', '10Gi', [], ['a'], [null], {}, { name: 'a' }, { a: {} },
];

interface Place {
  readonly holder: unknown[] & Record<string, unknown>;
  readonly key: string | number;
  readonly path: string;
}

function placesOf(value: unknown, path: string): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const key = Array.isArray(value) ? Number(name) : name;
    const below = Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`;
    return [{ holder: value as Place['holder'], key, path: below }, ...placesOf(member, below)];
  });
}
