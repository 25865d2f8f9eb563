/** Questions to the world that a computation may ask, each by a name. Answers are compared by identity. */
export type Lookups = Readonly<Record<string, (name: string) => unknown>>;

/**
 * Remembers what `compute` gave for a key object, for as long as every lookup it made gives the same answer. `compute`
 * must depend on nothing but its key and its lookups.
 */
export function memoised<K extends object, L extends Lookups, V>(
  compute: (key: K, lookups: L) => V,
): (key: K, lookups: L) => V {
  const known = new WeakMap<K, Memo<V>>();
  return (key, lookups) => {
    const memo = known.get(key);
    if (memo !== undefined && isSame(memo, lookups)) return memo.value;
    const reads: unknown[] = [];
    const value = compute(key, recording(lookups, reads));
    // Copied: an array that was pushed to holds more than it has.
    known.set(key, { reads: reads.length === 0 ? none : reads.slice(), value });
    return value;
  };
}

interface Memo<V> {
  /** Lookup, name and answer of each question in turn: as objects they would take many times as much. */
  readonly reads: readonly unknown[];
  readonly value: V;
}

const none: readonly unknown[] = [];

function isSame({ reads }: Memo<unknown>, lookups: Lookups): boolean {
  for (let at = 0; at < reads.length; at += 3) {
    if (lookups[reads[at] as string]?.(reads[at + 1] as string) !== reads[at + 2]) return false;
  }
  return true;
}

function recording<L extends Lookups>(lookups: L, reads: unknown[]): L {
  const recorded = Object.entries(lookups).map(([lookup, answerOf]) => {
    const record = (name: string) => {
      const answer = answerOf(name);
      if (!wasAsked(reads, lookup, name)) reads.push(lookup, name, answer);
      return answer;
    };
    return [lookup, record] as const;
  });
  return Object.fromEntries(recorded) as unknown as L;
}

function wasAsked(reads: readonly unknown[], lookup: string, name: string): boolean {
  for (let at = 0; at < reads.length; at += 3) if (reads[at] === lookup && reads[at + 1] === name) return true;
  return false;
}
