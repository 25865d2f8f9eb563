import { missAll } from './missed.ts';
import { type Outcome, slotKey } from './outcome.ts';
import { lastSlots, type Stretch } from './slots.ts';
import type { History, Terms } from './terms.ts';

/**
 * What becomes of the slots of an outage that are within the deadline. `Latest` starts the newest, `All` the newest
 * `maxRuns`, `None` nothing; a run that is still active forbids them all under Forbid, except that runs of a queued
 * backlog do not forbid each other.
 */
export function startBacklog(terms: Terms, history: History, backlog: Stretch): Outcome[] {
  const { schedule, catchUp } = terms;
  if (backlog.from >= backlog.to) return [];
  if (catchUp.policy === 'None') return missAll(schedule, backlog, history.anchor, 'NoCatchUp');
  if (isForbidden(terms, history)) return missAll(schedule, backlog, history.anchor, 'Forbid');
  const newest = lastSlots(schedule, backlog, history.anchor, catchUp.policy === 'All' ? catchUp.maxRuns : 1);
  const first = newest[0];
  if (first === undefined) return [];
  const older = { from: backlog.from, to: first - 1 };
  return [
    ...missAll(schedule, older, history.anchor, catchUp.policy === 'All' ? 'OverMaxRuns' : 'Coalesced'),
    ...newest.map((slot) => start(slot, history.anchor, catchUp.policy === 'All')),
  ];
}

function isForbidden({ concurrencyPolicy, catchUp }: Terms, { activeRuns, queuedRuns }: History): boolean {
  if (concurrencyPolicy !== 'Forbid') return false;
  return activeRuns > 0 || (catchUp.policy !== 'All' && queuedRuns > 0);
}

/** Only an `at` can lie before the moment its job was first seen. */
function start(slot: number, anchor: number, queued: boolean): Outcome {
  const key = slotKey(slot);
  if (slot <= anchor) return { kind: 'Missed', key, slot, reason: 'FirstSeenLate' };
  return { kind: 'Started', key, slot, queued };
}
