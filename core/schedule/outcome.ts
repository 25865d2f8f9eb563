/** Why a slot did not start, in the order in which the reasons are tested: the first that holds is the slot's. */
export const missedReasons = [
  'Suspended',
  'AgentUnavailable',
  'Deadline',
  'NoCatchUp',
  'Forbid',
  'Coalesced',
  'OverMaxRuns',
  'FirstSeenLate',
] as const;
export type MissedReason = (typeof missedReasons)[number];

/** What became of one slot, or of many that share a reason. Final once it is stored. Instants are Unix milliseconds. */
export type Outcome = Started | Missed | Gap;

export interface Started {
  readonly kind: 'Started';
  /** Names the occurrence within its job: no second start has the same key. */
  readonly key: string;
  readonly slot: number;
  /** Part of a backlog that is worked off one run at a time, exempt from Forbid among its own. */
  readonly queued: boolean;
}

export interface Missed {
  readonly kind: 'Missed';
  readonly key: string;
  readonly slot: number;
  readonly reason: MissedReason;
}

/** All slots after `from` up to and including `to`; there are too many to list. */
export interface Gap {
  readonly kind: 'Gap';
  readonly from: number;
  readonly to: number;
  readonly reason: MissedReason;
  /** The newest slot of the gap. */
  readonly last: number;
  /** Slots counted so far, up to `countedTo`; the rest is counted later. */
  readonly count: number;
  readonly countedTo: number;
}

/** The key of a slot: its instant in UTC. */
export function slotKey(slot: number): string {
  return new Date(slot).toISOString().replace('.000Z', 'Z');
}

/** The key of a run that was asked for by the annotation `talaria.dev/run-at`. */
export function runAtKey(value: string): string {
  return `run-at:${value}`;
}

/** The key of a run that was asked for by the API; `id` is new each time. */
export function runNowKey(id: string): string {
  return `now:${id}`;
}
