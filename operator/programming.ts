import { canonicalJson } from '../core/lib/json.ts';
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

interface Keyed {
  readonly uid: string;
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
  const places = new Map<string, Place>();

  const placeOf = (entry: Keyed, anew: Place): Place => {
    const place = places.get(entry.uid);
    if (place === undefined || place.entry === entry) return place ?? anew;
    return canonicalJson(place.entry) === canonicalJson(entry) ? { ...place, entry } : anew;
  };

  const forgetAllBut = (content: SnapshotContent): void => {
    const uids = new Set(listsOf(content).flatMap((list) => list.map(({ uid }) => uid)));
    for (const uid of places.keys()) if (!uids.has(uid)) places.delete(uid);
  };

  return {
    published: (content, sequence) => {
      const at = monotonic();
      let count = 0;
      for (const list of listsOf(content)) {
        count += list.length;
        for (const entry of list) {
          places.set(entry.uid, placeOf(entry, { entry, sequence, at }));
        }
      }
      if (places.size > count) forgetAllBut(content);
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

function listsOf({ agents, routes, jobs }: SnapshotContent): readonly (readonly Keyed[])[] {
  return [agents, routes, jobs];
}
