import { type MissedReason, type Outcome, slotKey } from './outcome.ts';
import type { Schedule } from './parse.ts';
import { countSlots, firstSlots, lastSlot, type Stretch } from './slots.ts';

/** Up to this many slots that share a reason are listed one by one; more are a gap. */
export const maxListedSlots = 20;

/** Every slot of the stretch as missed for one reason: listed, or as one gap when there are many. */
export function missAll(schedule: Schedule, stretch: Stretch, anchor: number, reason: MissedReason): Outcome[] {
  const slots = firstSlots(schedule, stretch, anchor, maxListedSlots + 1);
  if (slots.length <= maxListedSlots) {
    return slots.map((slot) => ({ kind: 'Missed', key: slotKey(slot), slot, reason }));
  }
  const last = lastSlot(schedule, stretch, anchor) ?? stretch.to;
  return [{ kind: 'Gap', ...stretch, reason, last, ...countSlots(schedule, stretch, anchor, 0) }];
}
