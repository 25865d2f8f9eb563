import { nextSlot } from './next.ts';
import type { Schedule } from './parse.ts';

/** A half-open stretch of time, `from` excluded and `to` included, in Unix milliseconds. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** The slots of a stretch in order, computed as they are asked for. */
export function* slotsBetween(schedule: Schedule, { from, to }: Stretch, anchor: number): Generator<number> {
  let slot = nextSlot(schedule, from, anchor);
  while (slot !== undefined && slot <= to) {
    yield slot;
    slot = nextSlot(schedule, slot, anchor);
  }
}

/**
 * Counts the slots of a stretch, at most `limit` one by one. `countedTo` is how far the count holds: `to` when it is
 * complete. An interval is counted by division, whatever the limit.
 */
export function countSlots(
  schedule: Schedule,
  stretch: Stretch,
  anchor: number,
  limit: number,
): { readonly count: number; readonly countedTo: number } {
  if (schedule.kind === 'every')
    return { count: countIntervals(schedule.seconds, stretch, anchor), countedTo: stretch.to };
  let count = 0;
  let countedTo = stretch.from;
  for (const slot of slotsBetween(schedule, stretch, anchor)) {
    if (count === limit) return { count, countedTo };
    count += 1;
    countedTo = slot;
  }
  return { count, countedTo: stretch.to };
}

/** The oldest `count` slots of a stretch, in order. */
export function firstSlots(schedule: Schedule, stretch: Stretch, anchor: number, count: number): number[] {
  const slots: number[] = [];
  for (const slot of slotsBetween(schedule, stretch, anchor)) {
    if (slots.length === count) break;
    slots.push(slot);
  }
  return slots;
}

/** The newest slot of a stretch; undefined when it has none. Costs some twenty searches, however long the stretch. */
export function lastSlot(schedule: Schedule, { from, to }: Stretch, anchor: number): number | undefined {
  const slotAfter = (instant: number) => {
    const slot = nextSlot(schedule, instant, anchor);
    return slot === undefined || slot > to ? undefined : slot;
  };
  let newest = slotAfter(startOfSearch(slotAfter, from, to));
  let later = newest === undefined ? undefined : slotAfter(newest);
  let high = to;
  while (newest !== undefined && later !== undefined) {
    const middle = Math.floor((later + high) / 2);
    const slot = slotAfter(middle);
    if (slot === undefined) high = middle;
    newest = slot ?? later;
    later = slotAfter(newest);
  }
  return newest;
}

/** The newest `count` slots of a stretch, the oldest of them first. */
export function lastSlots(schedule: Schedule, { from, to }: Stretch, anchor: number, count: number): number[] {
  const slots: number[] = [];
  let before = to;
  while (slots.length < count) {
    const slot = lastSlot(schedule, { from, to: before }, anchor);
    if (slot === undefined) break;
    slots.unshift(slot);
    before = slot - 1;
  }
  return slots;
}

/** Goes back from `to` in doubling steps until a slot lies ahead, or to `from`. */
function startOfSearch(slotAfter: (instant: number) => number | undefined, from: number, to: number): number {
  let width = 60_000;
  while (to - width > from && slotAfter(to - width) === undefined) width *= 2;
  return Math.max(from, to - width);
}

function countIntervals(seconds: number, { from, to }: Stretch, anchor: number): number {
  const passed = (instant: number) => Math.max(0, Math.floor((instant - anchor) / (seconds * 1000)));
  return Math.max(0, passed(to) - passed(from));
}
