import { isExpressionOnly, maxExpressionOnlyRules } from '../../core/route/expression.ts';
import {
  bucketOf,
  credentialShardCount,
  credentialShardOf,
  logicalCredentialName,
  maxBuckets,
} from '../../core/snapshot/names.ts';
import type { RouteEntry } from '../../core/snapshot/schema.ts';
import type { Rejection } from '../resources.ts';
import type { Budget, Charge } from './admission.ts';
import type { Candidate, Entry } from './candidate.ts';

/** A ConfigMap holds 1 MiB; the rest is for its metadata and for what a suspended entry has more. */
const bucketBytes = 1_000_000;
/** Half of what a Secret holds: during a rotation the old values and the new ones lie side by side. */
const shardBytes = 480 * 1024;

const firstShard = maxBuckets;
const expressions = maxBuckets + credentialShardCount;

/** The limit of every budget: buckets of the snapshot, shards of credentials, rules with only an expression. */
export const budgetLimits: readonly number[] = [
  ...Array.from({ length: maxBuckets }, () => bucketBytes),
  ...Array.from({ length: credentialShardCount }, () => shardBytes),
  maxExpressionOnlyRules,
];

/** What a candidate needs. Kept with the candidate object. */
export function chargesOf(candidate: Candidate<Entry>): readonly Charge[] {
  const known = chargesOfCandidate.get(candidate);
  if (known !== undefined) return known;
  const charges = candidate.entry === undefined ? [] : computeCharges(candidate.entry, candidate);
  chargesOfCandidate.set(candidate, charges);
  return charges;
}

/** What Accepted=False says when a budget is short. */
export function shortage(budget: Budget): Rejection {
  if (budget === expressions) return tooManyExpressions;
  return budget < firstShard ? snapshotFull : credentialsFull;
}

const tooManyExpressions: Rejection = {
  reason: 'TooManyExpressions',
  message: `the namespace has more than ${maxExpressionOnlyRules} rules that have only an expression; add a field such as platform or chatId to them.`,
};
const wayOut = 'shorten texts, delete what is not used, or spread the Agents over several namespaces.';
const snapshotFull: Rejection = {
  reason: 'SnapshotFull',
  message: `the snapshot of the namespace has no room for this object; ${wayOut}`,
};
const credentialsFull: Rejection = {
  reason: 'SnapshotFull',
  message: `the credentials of the namespace have no room for those of this object; ${wayOut}`,
};

const chargesOfCandidate = new WeakMap<Candidate<Entry>, readonly Charge[]>();

function computeCharges(entry: Entry, { texts, credentials }: Candidate<Entry>): readonly Charge[] {
  const budget = bucketOf(entry.uid, maxBuckets);
  const json = () => JSON.stringify(entry);
  const rules = 'rules' in entry ? expressionRules(entry) : 0;
  return [
    { budget, amount: Buffer.byteLength(json()), text: json },
    ...texts.map(({ hash, text }) => ({ budget, amount: Buffer.byteLength(text), shared: hash, text: () => text })),
    ...credentials.map(({ name, value = '' }) => ({
      budget: firstShard + credentialShardOf(logicalCredentialName(name)),
      amount: name.length + Buffer.byteLength(value),
      shared: name,
    })),
    ...(rules === 0 ? [] : [{ budget: expressions, amount: rules }]),
  ];
}

function expressionRules(route: RouteEntry): number {
  return route.rules.filter(isExpressionOnly).length;
}
