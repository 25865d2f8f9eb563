/**
 * Gives the first of all values that are equal as JSON: of thousands of objects many parts are. It remembers at most `most` and
 * then forgets all, so that equal values may still be two. What it gives must never be changed.
 */
export function createInterner<T>(most = 10_000): (value: T) => T {
  const byText = new Map<string, T>();
  return (value) => {
    const text = JSON.stringify(value);
    const known = byText.get(text);
    if (known !== undefined) return known;
    if (byText.size >= most) byText.clear();
    byText.set(text, value);
    return value;
  };
}
