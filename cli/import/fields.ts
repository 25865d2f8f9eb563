import { isRecord } from '../../crds/problem.ts';

/** A member of an object that somebody else wrote; undefined when there is none. */
export function member(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), value);
}

/** A text that says something; undefined for anything else. */
export function textIn(value: unknown, ...path: readonly string[]): string | undefined {
  const found = member(value, ...path);
  return typeof found === 'string' && found.trim() !== '' ? found.trim() : undefined;
}

/** The members of an object; none for anything else. */
export function entriesIn(value: unknown, ...path: readonly string[]): readonly (readonly [string, unknown])[] {
  const found = member(value, ...path);
  return isRecord(found) ? Object.entries(found) : [];
}

/** The entries of a list; none for anything else. */
export function listIn(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = member(value, ...path);
  return Array.isArray(found) ? found : [];
}
