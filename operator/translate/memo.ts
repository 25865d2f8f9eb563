/** Questions to the world that a computation may ask, each by a name. Answers are compared by identity. */
export type Lookups = Readonly<Record<string, (name: string) => unknown>>;

/**
 * Remembers what `compute` gave for a key object, for as long as every lookup it made gives the same answer. `compute`
 * must depend on nothing but its key and its lookups.
 */
export function memoised<K extends object, L extends Lookups, V>(
  compute: (key: K, lookups: L) => V,
): (key: K, lookups: L) => V {
  const known = new WeakMap<K, { readonly reads: readonly Read[]; readonly value: V }>();
  return (key, lookups) => {
    const memo = known.get(key);
    if (memo?.reads.every((read) => lookups[read.lookup]?.(read.name) === read.answer)) return memo.value;
    const reads: Read[] = [];
    const value = compute(key, recording(lookups, reads));
    known.set(key, { reads: reads.slice(), value });
    return value;
  };
}

interface Read {
  readonly lookup: string;
  readonly name: string;
  readonly answer: unknown;
}

function recording<L extends Lookups>(lookups: L, reads: Read[]): L {
  const recorded = Object.entries(lookups).map(([lookup, answerOf]) => {
    const record = (name: string) => {
      const answer = answerOf(name);
      if (!reads.some((read) => read.name === name && read.lookup === lookup)) reads.push({ lookup, name, answer });
      return answer;
    };
    return [lookup, record] as const;
  });
  return Object.fromEntries(recorded) as unknown as L;
}
