import type { SnapshotContent } from '../core/snapshot/schema.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import type { Programming } from './object-status.ts';

/** Which sequence first held the present content of each object, and so whether every live gateway serves it. */
export interface ProgrammingLedger {
  /** `content` is in force from now on, as `sequence`. What it has in common with the content before keeps its place. */
  readonly published: (content: SnapshotContent, sequence: number) => void;
  readonly of: (uid: string) => Programming;
  /** How long ago the present content of the object was published, in milliseconds of the clock given. */
  readonly ageMs: (uid: string) => number;
}

interface Place {
  readonly entry: object;
  readonly sequence: number;
  readonly at: number;
}

export function createProgrammingLedger(
  acknowledgements: Pick<Acknowledgements, 'byAll' | 'byAny'>,
  monotonic: () => number,
): ProgrammingLedger {
  let places: ReadonlyMap<string, Place> = new Map();
  return {
    published: (content, sequence) => {
      const next = new Map<string, Place>();
      const at = monotonic();
      for (const list of [content.agents, content.routes, content.jobs]) {
        for (const entry of list) {
          const before = places.get(entry.uid);
          next.set(entry.uid, before?.entry === entry ? before : { entry, sequence, at });
        }
      }
      places = next;
    },
    of: (uid) => {
      const sequence = places.get(uid)?.sequence ?? Number.POSITIVE_INFINITY;
      const byAll = acknowledgements.byAll();
      if (byAll !== undefined) return byAll >= sequence ? 'acknowledged' : 'awaited';
      return acknowledgements.byAny() >= sequence ? 'awaited' : 'nobody';
    },
    ageMs: (uid) => monotonic() - (places.get(uid)?.at ?? Number.NEGATIVE_INFINITY),
  };
}
