import type pg from 'pg';
import type { Take } from './faulty-target.ts';

/** What became of the deliveries of a storm. */
export interface DeliveryAccounts {
  /** Until the last one was sent. */
  readonly sentSeconds: number;
  readonly deliveries: number;
  /** By status at the end. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Deliveries that the target never took, or that were given up, those `ambiguous` left out. */
  readonly lost: number;
  /** Deliveries that the target took more than once and could not tell by their id. */
  readonly twice: number;
  /** Deliveries that came again under their own id, by which the target tells. */
  readonly repeated: number;
  readonly ambiguous: number;
  /** Of the ambiguous, those that the target took. */
  readonly ambiguousTaken: number;
  /** The ambiguous by what is stored of why. */
  readonly ambiguousBecause: Readonly<Record<string, number>>;
  /** Deliveries that came after a later one of their chat. */
  readonly outOfOrder: number;
}

/** Holds what a target took against the rows. `begin`: when the storm began, in Unix milliseconds. */
export async function readDeliveryAccounts(
  pool: pg.Pool,
  takes: readonly Take[],
  begin: number,
): Promise<DeliveryAccounts> {
  const { rows } = await pool.query<DeliveryRow>('select line, status, last_error, data, sent_at from deliveries');
  const byMessage = Map.groupBy(takes, ({ line, number }) => `${line} ${number}`);
  const results = rows.map(({ line, status, last_error, data }) => {
    const taken = byMessage.get(`${line} ${data.data.text}`) ?? [];
    const ids = new Set(taken.map(({ id }) => id));
    return { status, error: last_error, taken: taken.length, unknowable: ids.has('') ? taken.length : ids.size };
  });
  const settled = results.filter(({ status }) => status !== 'ambiguous');
  const ambiguous = results.filter(({ status }) => status === 'ambiguous');
  const lastSent = rows.reduce((last, { sent_at }) => Math.max(last, sent_at?.getTime() ?? 0), 0);
  return {
    sentSeconds: (lastSent - begin) / 1_000,
    deliveries: rows.length,
    statuses: countBy(results.map(({ status }) => status)),
    lost: settled.filter(({ status, taken }) => status !== 'sent' || taken === 0).length,
    twice: results.filter(({ unknowable }) => unknowable > 1).length,
    repeated: results.filter(({ taken, unknowable }) => taken > unknowable).length,
    ambiguous: ambiguous.length,
    ambiguousTaken: ambiguous.filter(({ taken }) => taken > 0).length,
    ambiguousBecause: countBy(ambiguous.map(({ error }) => error)),
    outOfOrder: countOutOfOrder(takes),
  };
}

interface DeliveryRow {
  readonly line: string;
  readonly status: string;
  readonly last_error: string;
  readonly data: { readonly data: { readonly text: string } };
  readonly sent_at: Date | null;
}

function countBy(items: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}

function countOutOfOrder(takes: readonly Take[]): number {
  const newest = new Map<string, number>();
  let late = 0;
  for (const { line, number } of takes) {
    const before = newest.get(line) ?? -1;
    if (number < before) late += 1;
    newest.set(line, Math.max(before, number));
  }
  return late;
}
