import { type MatchEntry, type MatchField, matchFields } from '../snapshot/schema.ts';
import { type HeaderPattern, headersOf } from './pattern.ts';

/** A match with what it compares. */
export interface Compared {
  readonly entry: MatchEntry;
  readonly headers: readonly HeaderPattern[];
  /** One bit for each of `comparedFields` that the match names, and one for headers. */
  readonly mask: number;
  /** Equal for matches that compare the same fields and headers. */
  readonly shape: string;
}

/** The fields and headers of a shape. */
export interface ComparedNames {
  readonly fields: readonly (MatchField | 'expression')[];
  readonly headerNames: readonly string[];
}

/** An expression counts as one more field: only its text is known. */
export const comparedFields = [...matchFields, 'expression' as const].map((name, at) => ({ name, bit: 1 << at }));
const headersBit = 1 << comparedFields.length;

/** What a match compares. */
export function comparedOf(entry: MatchEntry): Compared {
  const headers = headersOf(entry);
  let mask = headers.length === 0 ? 0 : headersBit;
  for (const { name, bit } of comparedFields) if (entry[name] !== undefined) mask |= bit;
  const shape = headers.length === 0 ? plainShapeOf(mask) : `${mask} ${headers.map((header) => header.name).join(' ')}`;
  return { entry, headers, mask, shape };
}

/** The fields and headers that a match compares, in the order of its key. */
export function namesOf({ mask, headers }: Compared): ComparedNames {
  return {
    fields: comparedFields.filter(({ bit }) => (mask & bit) !== 0).map(({ name }) => name),
    headerNames: headers.map(({ name }) => name),
  };
}

/** Whether `part` compares no field that `whole` does not. Headers count as one field; `keyOf` tells which they are. */
export function isWithin(part: Pick<Compared, 'mask'>, whole: Pick<Compared, 'mask'>): boolean {
  return (part.mask & ~whole.mask) === 0;
}

/** The values under these names, as one text that no other values give; undefined when a header is missing. */
export function keyOf(
  { fields, headerNames }: ComparedNames,
  match: Pick<Compared, 'entry' | 'headers'>,
): string | undefined {
  const parts: (string | number)[] = [];
  for (const name of fields) parts.push(match.entry[name]?.length ?? 0, ':', match.entry[name] ?? '');
  for (const name of headerNames) {
    const value = headerOf(match, name);
    if (value === undefined) return undefined;
    parts.push(value.length, ':', value);
  }
  // Joined, because a sum of strings would keep all its parts.
  return parts.join('');
}

/** The value that a match compares this header with. */
export function headerOf({ headers }: Pick<Compared, 'headers'>, wanted: string): string | undefined {
  return headers.find(({ name }) => name === wanted)?.value;
}

/** There are tens of thousands of matches, so that what they have in common is shared. */
const plainShapes = new Map<number, string>();

function plainShapeOf(mask: number): string {
  const shape = plainShapes.get(mask) ?? `${mask} `;
  plainShapes.set(mask, shape);
  return shape;
}
