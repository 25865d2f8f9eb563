import { canonicalJson } from '../../core/lib/json.ts';
import type { Rejection } from '../resources.ts';
import type { Applicant, Budget } from './admission.ts';
import { chargesOf, shortage } from './budgets.ts';
import type { Candidate, Choice, Entry, KindRules, SourceLookups } from './candidate.ts';

/** One object with what it gets when there is room, and what otherwise. */
export interface Proposal<D, E extends Entry> extends Applicant {
  readonly declared: D;
  readonly choice: Choice<E>;
  readonly fallback: () => Candidate<E>;
}

/** What was decided about one object. */
export interface Settled<D, E extends Entry> {
  readonly declared: D;
  /** What the snapshot holds; undefined: the object is not in it. */
  readonly entry: E | undefined;
  readonly candidate: Candidate<E>;
  /** Why the newest generation is not accepted. `entry` is then of an older one. */
  readonly rejection: Rejection | undefined;
  /** What the conditions about references speak of: the candidate, or when that is absent, the newest generation. */
  readonly about: Candidate<E>;
}

/** What every object of a kind wants, sorted by name. */
export function propose<D extends Pick<Applicant, 'uid' | 'name' | 'createdAt'>, E extends Entry>(
  declared: readonly D[],
  rules: KindRules<D, E>,
  lookups: SourceLookups,
): readonly Proposal<D, E>[] {
  return declared.toSorted(byName).map((object) => {
    const choice = rules.choose(object, lookups);
    const fallback = () => rules.fallback(object, lookups);
    const { uid, name, createdAt } = object;
    const wanted = chargesOf(choice.candidate);
    return { uid, name, createdAt, declared: object, choice, fallback, wanted, held: () => chargesOf(fallback()) };
  });
}

/** Gives every object its candidate, or where a budget was short its fallback. `published` finds entries to reuse. */
export function settle<D extends object, E extends Entry>(
  proposals: readonly Proposal<D, E>[],
  short: ReadonlyMap<string, Budget>,
  published?: (uid: string) => E | undefined,
): readonly Settled<D, E>[] {
  return proposals.map(({ uid, declared, choice, fallback }) => {
    const budget = short.get(uid);
    const candidate = budget === undefined ? choice.candidate : fallback();
    const rejection = choice.rejection ?? (budget === undefined ? undefined : shortage(budget));
    const about = candidate.entry === undefined ? choice.fresh : candidate;
    const entry = candidate.entry && published ? reused(candidate.entry, published(uid)) : candidate.entry;
    return sameAsBefore({ declared, entry, candidate, rejection, about });
  });
}

const settledBefore = new WeakMap<object, Settled<object, Entry>>();

/** The same value as long as the same was decided about an object: what is made from it is remembered by identity. */
export function sameAsBefore<D extends object, E extends Entry>(settled: Settled<D, E>): Settled<D, E> {
  const before = settledBefore.get(settled.declared) as Settled<D, E> | undefined;
  const same =
    before !== undefined &&
    before.entry === settled.entry &&
    before.candidate === settled.candidate &&
    before.rejection === settled.rejection &&
    before.about === settled.about;
  if (same) return before;
  settledBefore.set(settled.declared, settled);
  return settled;
}

/** The published entry when it says the same, so that an unchanged entry stays one object. */
export function reused<E extends Entry>(entry: E, published: E | undefined): E {
  if (published === undefined || published === entry) return entry;
  const known = comparisons.get(entry);
  const same = known?.published === published ? known.same : canonicalJson(entry) === canonicalJson(published);
  comparisons.set(entry, { published, same });
  return same ? published : entry;
}

const comparisons = new WeakMap<Entry, { readonly published: Entry; readonly same: boolean }>();

function byName(a: { readonly name: string; readonly uid: string }, b: typeof a): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}
