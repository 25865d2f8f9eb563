import type { Logger } from '../../core/lib/log.ts';
import { untilStored } from '../../core/lib/until-stored.ts';
import type { Database } from '../db/pool.ts';
import { deliveryFields, type TakenDelivery } from './delivery.ts';
import type { Verdict } from './judge.ts';
import { chatToldOf, leaveToOthers, recordVerdict } from './record-verdict.ts';

/**
 * - `recorded`
 * - `settled`: somebody else has judged the attempt, or will.
 * - `held`: it stands as being sent by this process and must not be forgotten while that lives, or it is sent again.
 */
export type Recorded = 'recorded' | 'settled' | 'held';

/**
 * Stores what came of an attempt, however long the database is away. What it refuses for another reason is stored without
 * its place in the session of the chat; where that is refused too, the attempt is judged as one whose sender died, and when
 * it was one already, it waits for the end of this process. Never throws.
 */
export async function untilRecorded(
  { database, log, signal }: { readonly database: Database; readonly log: Logger; readonly signal: AbortSignal },
  delivery: TakenDelivery,
  verdict: Verdict,
): Promise<Recorded> {
  const about = { ...deliveryFields(delivery), status: verdict.status };
  const attempt = async (what: string, work: () => Promise<Recorded>): Promise<Recorded | undefined> => {
    try {
      return await untilStored(work, signal);
    } catch (error) {
      if (signal.aborted) return 'held';
      log.error({ ...about, err: error }, what);
      return undefined;
    }
  };
  const record = async (said: boolean): Promise<Recorded> =>
    (await recordVerdict(database, delivery, verdict, { said })) ? 'recorded' : 'settled';
  const leave = async (): Promise<Recorded> => {
    await leaveToOthers(database, delivery);
    return 'settled';
  };

  return (
    (await attempt('what came of a delivery could not be recorded', () => record(true))) ??
    (chatToldOf(delivery, verdict) &&
      (await attempt('what came of a delivery could not be recorded without its session', () => record(false)))) ??
    (delivery.orphan ? undefined : await attempt('a delivery could not be left to be judged', leave)) ??
    'held'
  );
}
