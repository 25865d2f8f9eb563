/** The value with every bigint made into what JSON.stringify writes with all its digits, as they stand in a manifest. */
export function withDigits(value: unknown): unknown {
  if (typeof value === 'bigint') return rawJson(`${value}`);
  if (Array.isArray(value)) return value.map(withDigits);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withDigits(member)]));
}

/** In Node since version 22; TypeScript does not know it yet. */
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };
