import type { ConditionReason, ConditionType } from '../../core/conditions.ts';
import type { ShadowedRule } from '../../core/route/shadow-proof.ts';
import type { AgentVolume } from '../resources.ts';
import type { Entry, Problem } from './candidate.ts';
import type { Settled } from './proposal.ts';

/** A condition as translate decides it: without the time of its last change, which only the stored status knows. */
export interface Verdict<T extends ConditionType = ConditionType> {
  readonly type: T;
  readonly status: 'True' | 'False';
  readonly reason: ConditionReason<T>;
  /** Stable while nothing changes: no revision, time or count in it. */
  readonly message: string;
  /** The generation it is about. */
  readonly generation: number;
}

interface Decided {
  readonly name: string;
  readonly generation: number;
  readonly kind: string;
  readonly limited: readonly string[];
}

/** Whether the newest generation is valid, and what is in force when it is not. */
export function acceptedVerdict({ declared, entry, rejection }: Settled<Decided, Entry>): Verdict<'Accepted'> {
  const { generation, kind } = declared;
  if (rejection === undefined) return accepted(generation);
  const inForce = generationOf(entry);
  const consequence = inForce === undefined ? `The ${kind} is not in force.` : `Generation ${inForce} stays in force.`;
  const message = `${rejection.message} ${consequence}`;
  return { type: 'Accepted', status: 'False', reason: rejection.reason, message, generation };
}

/** Whether everything that the object refers to is there. It speaks of the generation in force, when there is one. */
export function resolvedRefsVerdict(
  { declared, entry }: Settled<Decided, Entry>,
  problems: readonly Problem[],
): Verdict<'ResolvedRefs'> {
  const generation = generationOf(entry) ?? declared.generation;
  const [first] = problems;
  if (first === undefined) return resolved(generation);
  const message = listed(problems.map((problem) => problem.message));
  return { type: 'ResolvedRefs', status: 'False', reason: first.reason, message, generation };
}

/**
 * Whether the volume of the generation in force is mounted. Everything else of a profile is rendered by the gateways, so
 * that there is nothing to wait for.
 */
export function profileReadyVerdict(
  { declared, entry }: Settled<Decided, Entry>,
  volume: AgentVolume | undefined,
): Verdict<'ProfileReady'> {
  if (volume === undefined) return nothingToPrepare(declared.generation);
  const generation = generationOf(entry) ?? declared.generation;
  if (volume.problem === undefined) return mounted(generation);
  return { type: 'ProfileReady', status: 'False', ...volume.problem, generation };
}

const nothingToPrepare = shared<'ProfileReady'>('ProfileReady', 'nothing of the profile has to be prepared');
const mounted = shared<'ProfileReady'>('ProfileReady', 'the volume is mounted in every gateway pod');

const accepted = shared<'Accepted'>('Accepted', 'the generation is valid');
const resolved = shared<'ResolvedRefs'>('ResolvedRefs', 'every reference is resolved');

/** Which fields do nothing yet; none when all of them work. */
export function limitedVerdicts({ declared }: Settled<Decided, Entry>): readonly Verdict<'Limited'>[] {
  const { limited, generation } = declared;
  if (limited.length === 0) return [];
  const message = `stored and not acted on by this version: ${limited.join(', ')}`;
  return [{ type: 'Limited', status: 'True', reason: 'NotYetImplemented', message, generation }];
}

/** What in the object can never take effect; none when all of it can. */
export function shadowedVerdicts(
  reason: ConditionReason<'Shadowed'>,
  generation: number,
  messages: readonly string[],
): readonly Verdict<'Shadowed'>[] {
  if (messages.length === 0) return [];
  return [{ type: 'Shadowed', status: 'True', reason, message: listed(messages), generation }];
}

/** The generation whose content the snapshot holds. */
export function generationOf(entry: Entry | undefined): number | undefined {
  return entry !== undefined && 'generation' in entry ? entry.generation : undefined;
}

/** Why a rule never takes effect. */
export function unreachableText({ rule, by }: ShadowedRule): string {
  return `rule "${rule}" is never reached: rule "${by.rule}" of Route "${by.route}" always wins`;
}

const maxListed = 10;

/** Messages in one text, bounded: a condition is read by people. */
function listed(messages: readonly string[]): string {
  const shown = [...new Set(messages)].slice(0, maxListed).join('; ');
  return messages.length > maxListed ? `${shown}; and more` : shown;
}

const keptVerdicts = 1_000;

/** Good news is the same for nearly all of many objects, so it is made once for each generation. */
function shared<T extends 'Accepted' | 'ResolvedRefs' | 'ProfileReady'>(
  type: T,
  message: string,
): (generation: number) => Verdict<T> {
  const made = new Map<number, Verdict<T>>();
  return (generation) => {
    const known = made.get(generation);
    if (known !== undefined) return known;
    const verdict = {
      type,
      status: 'True',
      reason: type as unknown as ConditionReason<T>,
      message,
      generation,
    } as const;
    if (made.size < keptVerdicts) made.set(generation, verdict);
    return verdict;
  };
}
