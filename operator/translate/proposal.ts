import { canonicalJson } from '../../core/lib/json.ts';
import type { Rejection } from '../resources.ts';
import type { Applicant, Budget } from './admission.ts';
import { chargesOf, shortage } from './budgets.ts';
import { absent, type Candidate, type Choice, type Entry, type KindRules, type SourceLookups } from './candidate.ts';
import { faultRejection } from './fault.ts';

/**
 * One object with what it gets when there is room, and the rules that say what it gets otherwise. It lives as long as the
 * object, so it must hold no lookups: they hold all that was published.
 */
export interface Proposal<D extends object, E extends Entry> extends Applicant {
  readonly declared: D;
  readonly choice: Choice<E>;
  readonly rules: KindRules<D, E>;
  /** What was decided last time. */
  readonly memory: { settled?: Settled<D, E> };
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

/** What every object of a kind wants, sorted by name. While an object wants the same, it is the same proposal. */
export function propose<D extends Pick<Applicant, 'uid' | 'name' | 'createdAt'>, E extends Entry>(
  declared: readonly D[],
  rules: KindRules<D, E>,
  lookups: SourceLookups,
): readonly Proposal<D, E>[] {
  return declared.toSorted(byName).map((object) => {
    const known = proposals.get(object) as Proposal<D, E> | undefined;
    const choice = choose(object, rules, lookups, known?.choice);
    if (known?.choice === choice) return known;
    const { uid, name, createdAt } = object;
    const wanted = chargesOf(choice.candidate);
    const proposal = { uid, name, createdAt, declared: object, choice, wanted, rules, memory: {} };
    proposals.set(object, proposal);
    return proposal;
  });
}

/** An object on which `rules` fail gets its fallback: the same choice as `before` while they fail in the same way. */
function choose<D extends object, E extends Entry>(
  object: D,
  rules: KindRules<D, E>,
  lookups: SourceLookups,
  before: Choice<E> | undefined,
): Choice<E> {
  try {
    const choice = rules.choose(object, lookups);
    chargesOf(choice.candidate);
    return choice;
  } catch (error) {
    const rejection = faultRejection(error);
    const candidate = fallbackOf({ declared: object, rules }, lookups);
    const isSame = before?.candidate === candidate && before.rejection?.fault === rejection.fault;
    return isSame ? before : { candidate, rejection, fresh: absent };
  }
}

/** What an object gets: what it wants, or where a budget was short its fallback. */
export function granted<D extends object, E extends Entry>(
  proposal: Proposal<D, E>,
  short: ReadonlyMap<string, Budget>,
  lookups: SourceLookups,
): Candidate<E> {
  return short.has(proposal.uid) ? fallbackOf(proposal, lookups) : proposal.choice.candidate;
}

/** What is published of an object, or nothing; also nothing when its rules fail on it. */
export function fallbackOf<D extends object, E extends Entry>(
  { declared, rules }: Pick<Proposal<D, E>, 'declared' | 'rules'>,
  lookups: SourceLookups,
): Candidate<E> {
  try {
    const candidate = rules.fallback(declared, lookups);
    chargesOf(candidate);
    return candidate;
  } catch {
    return absent;
  }
}

/**
 * Decides about every object. `finish` makes the entry of the snapshot from that of a candidate. While the same is
 * decided about an object, it is the same value, for what is made from it is remembered by identity.
 */
export function settle<D extends object, E extends Entry>(
  proposed: readonly Proposal<D, E>[],
  short: ReadonlyMap<string, Budget>,
  lookups: SourceLookups,
  finish: (entry: E) => E,
): readonly Settled<D, E>[] {
  return proposed.map((proposal) => {
    const { uid, declared, choice, memory } = proposal;
    const candidate = granted(proposal, short, lookups);
    const entry = candidate.entry && finish(candidate.entry);
    const budget = short.get(uid);
    const rejection = choice.rejection ?? (budget === undefined ? undefined : shortage(budget));
    const before = memory.settled;
    if (before?.entry === entry && before?.candidate === candidate && before.rejection === rejection) return before;
    const about = candidate.entry === undefined ? choice.fresh : candidate;
    memory.settled = { declared, entry, candidate, rejection, about };
    return memory.settled;
  });
}

const proposals = new WeakMap<object, Proposal<object, Entry>>();

/** The published entry when it says the same, so that an unchanged entry stays one object. */
export function reused<E extends Entry>(entry: E, published: E | undefined): E {
  if (published === undefined || published === entry) return entry;
  if (equals.get(entry) === published) return published;
  if (canonicalJson(entry) !== canonicalJson(published)) return entry;
  equals.set(entry, published);
  return published;
}

/** Of entries that say the same, the published one. One that differs must not be held: it would hold the one before it. */
const equals = new WeakMap<Entry, Entry>();

function byName(a: { readonly name: string; readonly uid: string }, b: typeof a): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}
