/**
 * Gives one value for all that say the same, as JSON does: of thousands of objects many parts are equal. Values that are
 * given must never be changed.
 */
export function createShared<T>(): (value: T) => T {
  const byText = new Map<string, T>();
  return (value) => {
    const text = JSON.stringify(value);
    const known = byText.get(text);
    if (known !== undefined) return known;
    if (byText.size >= maxShared) byText.clear();
    byText.set(text, value);
    return value;
  };
}

const maxShared = 10_000;
