import { deflateRawSync } from 'node:zlib';

/** Something that has a limit; an amount is charged to one of them. Numbers, so that adding up is fast. */
export type Budget = number;

/** One part of what a candidate needs of a budget. */
export interface Charge {
  readonly budget: Budget;
  readonly amount: number;
  /** Charges of one budget with the same key are needed once. */
  readonly shared?: string;
  /** The text behind an amount in bytes: when raw bytes do not fit, its compressed size counts. */
  readonly text?: () => string;
}

/** One object that wants something in the snapshot. */
export interface Applicant {
  readonly uid: string;
  readonly name: string;
  readonly createdAt: string;
  readonly wanted: readonly Charge[];
}

/** What was decided about all applicants. */
export interface Admission {
  /** Who does not get what it wants, by uid, and the budget that is short. */
  readonly short: ReadonlyMap<string, Budget>;
  /** What is left of each budget when everything fits as it is; undefined when it does not. */
  readonly spare: readonly number[] | undefined;
}

/**
 * Decides who gets what it wants. What an applicant holds already, it keeps; then the oldest come first, and what needs no
 * more than before always fits. `held` is asked only when not everything fits.
 */
export function admit<A extends Applicant>(
  applicants: readonly A[],
  held: (applicant: A) => readonly Charge[],
  limits: readonly number[],
): Admission {
  const spare = spareOf(applicants, limits, (charge) => charge.amount);
  if (spare.every((left) => left >= 0)) return { short: new Map(), spare };
  const compressed = spareOf(applicants, limits, compressedAmount);
  const short = compressed.every((left) => left >= 0) ? new Map() : admitOneByOne(applicants, held, limits);
  return { short, spare: undefined };
}

function spareOf(
  applicants: readonly Applicant[],
  limits: readonly number[],
  amountOf: (charge: Charge) => number,
): readonly number[] {
  const spare = [...limits];
  const seen = new Set<string>();
  for (const { wanted } of applicants) {
    for (const charge of wanted) {
      if (charge.shared !== undefined) {
        const share = `${charge.budget} ${charge.shared}`;
        if (seen.has(share)) continue;
        seen.add(share);
      }
      spare[charge.budget] = (spare[charge.budget] ?? 0) - amountOf(charge);
    }
  }
  return spare;
}

function admitOneByOne<A extends Applicant>(
  applicants: readonly A[],
  held: (applicant: A) => readonly Charge[],
  limits: readonly number[],
): ReadonlyMap<string, Budget> {
  const ledger = createLedger(limits);
  for (const applicant of applicants) ledger.add(held(applicant));
  let waiting = [...applicants].sort(byAge);
  const short = new Map<string, Budget>();
  // What one gives back may be what another waits for, so it goes on until nobody more is admitted.
  for (let before = Number.POSITIVE_INFINITY; waiting.length < before; ) {
    before = waiting.length;
    waiting = waiting.filter((applicant) => {
      const missing = ledger.exchange(held(applicant), applicant.wanted);
      if (missing === undefined) short.delete(applicant.uid);
      else short.set(applicant.uid, missing);
      return missing !== undefined;
    });
  }
  return short;
}

interface Ledger {
  readonly add: (charges: readonly Charge[]) => void;
  /** Takes `given` back and adds `wanted`, or changes nothing and names the budget that is short. */
  readonly exchange: (given: readonly Charge[], wanted: readonly Charge[]) => Budget | undefined;
}

function createLedger(limits: readonly number[]): Ledger {
  const used = limits.map(() => 0);
  const shares = limits.map(() => new Map<string, number>());

  const book = (charges: readonly Charge[], sign: 1 | -1): void => {
    for (const charge of charges) {
      if (charge.shared !== undefined) {
        const count = (shares[charge.budget]?.get(charge.shared) ?? 0) + sign;
        shares[charge.budget]?.set(charge.shared, count);
        if (count !== (sign === 1 ? 1 : 0)) continue;
      }
      used[charge.budget] = (used[charge.budget] ?? 0) + sign * compressedAmount(charge);
    }
  };

  return {
    add: (charges) => book(charges, 1),
    exchange: (given, wanted) => {
      const before = [...used];
      book(given, -1);
      book(wanted, 1);
      const short = used.findIndex((now, budget) => now > (limits[budget] ?? 0) && now > (before[budget] ?? 0));
      if (short === -1) return undefined;
      book(wanted, -1);
      book(given, 1);
      return short;
    },
  };
}

function byAge(a: Applicant, b: Applicant): number {
  return compare(a.createdAt, b.createdAt) || compare(a.name, b.name) || compare(a.uid, b.uid);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const compressed = new WeakMap<Charge, number>();

/** Each text compressed alone: never less than its share of the bucket compressed as a whole. */
function compressedAmount(charge: Charge): number {
  if (charge.text === undefined) return charge.amount;
  const known = compressed.get(charge);
  if (known !== undefined) return known;
  const amount = Math.min(charge.amount, deflateRawSync(charge.text()).length);
  compressed.set(charge, amount);
  return amount;
}
