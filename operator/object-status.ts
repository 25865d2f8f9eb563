import { type ConditionReason, type ConditionType, conditionTable } from '../core/conditions.ts';
import type { ObjectReport } from './translate/report.ts';
import { generationOf, type Verdict } from './translate/verdicts.ts';

/** `metav1.Condition`. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339, whole seconds. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** The status fields that the operator owns. */
export interface OperatorStatus {
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
  readonly [field: string]: unknown;
}

/** What the gateways say about the content that the snapshot holds of an object. */
export type Programming = 'acknowledged' | 'awaited' | 'nobody';

/**
 * The whole of what the operator says about an object. `before` holds the conditions that are stored: a condition keeps
 * the time of its last change while its status stays, and Programmed is never taken back from a generation.
 */
export function objectStatus(
  report: ObjectReport,
  programming: Programming,
  before: readonly Condition[],
  now: number,
): OperatorStatus {
  const verdicts = [...report.verdicts, programmedVerdict(report, programming, before)];
  const summary = [readyVerdict(report, verdicts), ...progressVerdicts(report, verdicts)];
  const all = [...verdicts, ...summary].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
  return {
    observedGeneration: report.generation,
    conditions: all.map((verdict) => condition(verdict, before, now)),
    ...report.fields,
  };
}

/** Whether Programmed is already True for the newest generation. */
export function isProgrammed(generation: number, conditions: readonly Condition[]): boolean {
  return conditions.some(
    ({ type, status, observedGeneration }) =>
      type === 'Programmed' && status === 'True' && observedGeneration === generation,
  );
}

/** Condition types that only the operator sets. */
export const operatorTypes: readonly string[] = Object.entries(conditionTable)
  .filter(([, row]) => row.owner === 'operator')
  .map(([type]) => type);

const order = Object.keys(conditionTable);

function programmedVerdict(
  { generation, entry }: ObjectReport,
  programming: Programming,
  before: readonly Condition[],
): Verdict<'Programmed'> {
  const programmed = (status: 'True' | 'False', reason: ConditionReason<'Programmed'>, message: string) =>
    ({ type: 'Programmed', status, reason, message, generation }) as const;
  if (isProgrammed(generation, before)) return programmed('True', 'Programmed', served);
  if (generationOf(entry) !== generation) {
    return programmed('False', 'NotAccepted', 'the generation is not accepted, so gateways do not get it');
  }
  if (programming === 'acknowledged') return programmed('True', 'Programmed', served);
  if (programming === 'awaited') return programmed('False', 'Pending', 'the acknowledgement of a gateway is awaited');
  return programmed(
    'False',
    'NoGateway',
    'no gateway has acknowledged a snapshot; check the Deployment talaria-gateway',
  );
}

const served = 'every live gateway serves the generation';

/** Ready and Reconciling give the same reason: the first of these that does not hold. */
const needed = [
  ['ResolvedRefs', 'RefsNotResolved'],
  ['ProfileReady', 'ProfileNotReady'],
  ['Programmed', 'NotProgrammed'],
] as const;

function readyVerdict({ generation, suspended }: ObjectReport, verdicts: readonly Verdict[]): Verdict<'Ready'> {
  const ready = (status: 'True' | 'False', reason: ConditionReason<'Ready'>, message: string) =>
    ({ type: 'Ready', status, reason, message, generation }) as const;
  const accepted = failing(verdicts, 'Accepted');
  if (accepted !== undefined) return ready('False', 'NotAccepted', accepted.message);
  const missing = firstMissing(verdicts);
  if (missing !== undefined) return ready('False', missing.reason, missing.message);
  if (suspended) return ready('True', 'Suspended', 'suspended by its spec');
  return ready('True', 'Ready', 'in force on every live gateway');
}

/** At most one of Stalled and Reconciling; neither when there is nothing to wait for. */
function progressVerdicts({ generation }: ObjectReport, verdicts: readonly Verdict[]): readonly Verdict[] {
  const accepted = failing(verdicts, 'Accepted');
  if (accepted !== undefined) {
    return [{ type: 'Stalled', status: 'True', reason: 'NotAccepted', message: accepted.message, generation }];
  }
  const missing = firstMissing(verdicts);
  return missing === undefined ? [] : [{ type: 'Reconciling', status: 'True', ...missing, generation }];
}

function firstMissing(verdicts: readonly Verdict[]) {
  for (const [type, reason] of needed) {
    const verdict = failing(verdicts, type);
    if (verdict !== undefined) return { reason, message: verdict.message };
  }
  return undefined;
}

function failing(verdicts: readonly Verdict[], type: ConditionType): Verdict | undefined {
  return verdicts.find((verdict) => verdict.type === type && verdict.status === 'False');
}

function condition(verdict: Verdict, before: readonly Condition[], now: number): Condition {
  const { type, status, reason, message, generation } = verdict;
  const previous = before.find((stored) => stored.type === type);
  const lastTransitionTime =
    previous?.status === status ? previous.lastTransitionTime : `${new Date(now).toISOString().slice(0, 19)}Z`;
  return { type, status, reason, message, lastTransitionTime, observedGeneration: generation };
}
