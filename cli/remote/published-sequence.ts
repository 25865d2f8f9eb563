import { decodeIndex } from '../../core/snapshot/decode.ts';

/** The sequence of a published index; undefined when this release cannot read it. */
export function publishedSequence(index: string): number | undefined {
  try {
    return decodeIndex(index).sequence;
  } catch {
    return undefined;
  }
}
