import { sha256 } from '../lib/hash.ts';

/** How much later than its slots a job starts, in milliseconds: fixed for the job's uid, from 0 to below `jitterSeconds`. */
export function jitterMs(uid: string, jitterSeconds: number): number {
  const fraction = Number.parseInt(sha256(uid).slice(0, 12), 16) / 2 ** 48;
  return Math.floor(fraction * jitterSeconds * 1000);
}
