import type { MatchEntry, MatchField } from '../snapshot/schema.ts';
import { bySelectivity } from './order.ts';

/** What a match compares exactly, which is everything but its expression: each field, '' where the match names none. */
export interface Pattern extends Readonly<Record<MatchField, string>> {
  readonly headers: readonly HeaderPattern[];
  /** Fields and headers as one list; see `conditionsOf`. */
  readonly conditions: readonly Condition[];
}

export interface HeaderPattern {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
}

/** One exact comparison. `name` is a match field, or a header's name. */
export interface Condition {
  readonly kind: 'field' | 'header';
  readonly name: string;
  readonly value: string;
}

/** The exact comparisons of a match, those that narrow most first and always in the same order. */
export function conditionsOf(match: MatchEntry): readonly Condition[] {
  const conditions: Condition[] = [];
  for (const name of bySelectivity) {
    const value = match[name];
    if (value !== undefined) conditions.push({ kind: 'field', name, value });
  }
  for (const { name, value } of headersOf(match)) conditions.push({ kind: 'header', name, value });
  return conditions;
}

/** Whether any message can meet this match: not one that names nothing at all, a blank, or one header with two values. */
export function canHold(match: MatchEntry): boolean {
  const conditions = conditionsOf(match);
  if (conditions.length === 0 && match.expression === undefined) return false;
  return conditions.every(({ kind, name, value }, at) => {
    const next = conditions[at + 1];
    const differs = next?.kind === kind && next.name === name && next.value !== value;
    return value !== '' && !differs;
  });
}

/** The headers that a match names, sorted. */
export function headersOf({ headers }: MatchEntry): readonly HeaderPattern[] {
  if (headers === undefined || headers.length === 0) return none;
  const lower = headers.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
  return lower.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const none: readonly HeaderPattern[] = [];
