import type { Registry } from 'prom-client';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../../core/lib/clock.ts';
import type { Logger } from '../../core/lib/log.ts';
import { createNudgedLoop } from '../../core/lib/nudged-loop.ts';
import { quietly } from '../../core/lib/quietly.ts';
import { within } from '../../core/lib/within.ts';
import type { Table } from '../config/table.ts';
import type { Database } from '../db/pool.ts';
import { type EgressPolicy, guardedConnector } from '../egress.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { LeaseKeeper } from '../worker/lease.ts';
import { findAccount } from './account-access.ts';
import { attemptDelivery } from './attempt.ts';
import { type BrokenAccounts, createBrokenAccounts } from './broken-accounts.ts';
import { convertLate } from './convert-late.ts';
import { deliveryFields, type TakenDelivery } from './delivery.ts';
import type { Verdict } from './judge.ts';
import { addDeliveryMetrics, type CountAttempt } from './metrics.ts';
import { createPace, type LeastTimes } from './pace.ts';
import { recordKeyScope } from './record-verdict.ts';
import { releaseAccounts, takeDeliveries } from './take-deliveries.ts';
import type { PlatformSenders } from './targets/platform.ts';
import { platformSenders } from './targets/platforms.ts';
import { traceDelivery } from './trace-delivery.ts';
import { type Recorded, untilRecorded } from './until-recorded.ts';

/** Sends what runs left in the outbox. */
export interface Sender {
  readonly start: () => void;
  /** Looks for deliveries at once; to be called when outbox rows were stored. */
  readonly nudge: () => void;
  /** Takes nothing more and waits for what is being sent, at most `budgetMs`; the rest is sent by others. */
  readonly stop: (budgetMs: number) => Promise<void>;
}

export interface SenderOptions {
  readonly database: Database;
  readonly lease: LeaseKeeper;
  readonly table: () => Table | undefined;
  /** Which addresses deliveries may reach. */
  readonly egress: EgressPolicy;
  /** How messages go to chat platforms; default: those of this version. */
  readonly senders?: PlatformSenders | undefined;
  /** False while this replica's snapshot is too old to take background work. */
  readonly mayWork: () => boolean;
  readonly registry: Registry;
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const lookEveryMs = 200;
const connectTimeoutMs = 5_000;
/** How long aborted sends may take to end when the sender stops. */
const abortMs = 1_000;

/**
 * Makes a Sender. Every replica has one: webhooks and log lines are sent by whoever takes them, messages through an account
 * by the one that has its lease. One delivery of a line is under way at a time.
 */
export function createSender(options: SenderOptions): Sender {
  const { database, clock, log, lease } = options;
  const dispatcher = new Agent({
    connect: guardedConnector(options.egress, connectTimeoutMs),
    keepAliveTimeout: 10_000,
  });
  const count = addDeliveryMetrics(options.registry, options);
  const pace = createPace(clock);
  const broken = createBrokenAccounts(database);
  const gaveUp = new AbortController();
  const sending = new Map<string, Promise<void>>();
  const senders = options.senders ?? platformSenders;
  const { tracing } = options;
  const shared = { database, clock, log, tracing, senders, dispatcher, count, broken, signal: gaveUp.signal };

  let mayHoldAccounts = false;
  const giveAccountsBack = async (worker: string): Promise<void> => {
    if (mayHoldAccounts) await releaseAccounts(database, worker);
    mayHoldAccounts = false;
  };

  const take = async (): Promise<void> => {
    const held = lease.current();
    const table = options.table();
    if (held === undefined || table === undefined) return;
    if (!options.mayWork()) return await giveAccountsBack(held.id);
    await broken.tryMended(held.id, table);
    const room = { ...pace.room(), sequence: table.sequence, atWork: [...sending.keys()] };
    mayHoldAccounts = true;
    const { deliveries, leaseExpired } = await takeDeliveries(database, held.id, room);
    if (leaseExpired) lease.lost(held);
    for (const delivery of deliveries) {
      // An orphan is judged, not sent.
      const ended = delivery.orphan
        ? () => undefined
        : pace.began(placeOf(delivery), leastTimes(senders, table, delivery));
      // The table may have changed while they were taken.
      const done = sendOne({ ...shared, table: options.table() ?? table }, delivery).then(({ isOver, isSent }) => {
        // What is not among them and not recorded counts as never sent.
        if (isOver) sending.delete(delivery.id);
        ended(isSent);
        nudge();
      });
      sending.set(delivery.id, done);
    }
  };

  const { start, nudge, stop } = createNudgedLoop(() => Math.min(lookEveryMs, pace.waitMs()), take, log);

  return {
    start: () => {
      start();
    },
    nudge,
    stop: async (budgetMs) => {
      await stop();
      const ended = Promise.all(sending.values());
      await within(ended, budgetMs);
      gaveUp.abort(new Error('the gateway is stopping'));
      await within(ended, abortMs);
      await dispatcher.destroy();
    },
  };
}

const noWait: LeastTimes = { accountMs: 0, chatMs: 0 };

function leastTimes(senders: PlatformSenders, table: Table, { destination }: TakenDelivery): LeastTimes {
  if (destination.kind !== 'account') return noWait;
  const platform = destination.platform || (findAccount(table, destination.account)?.platform ?? '');
  return (Object.hasOwn(senders, platform) ? senders[platform]?.pace : undefined) ?? noWait;
}

function placeOf({ destination, line, origin }: TakenDelivery) {
  return { account: destination.kind === 'account' ? destination.account : '', origin, line };
}

interface SendOptions extends Pick<SenderOptions, 'database' | 'clock' | 'log' | 'tracing'> {
  readonly senders: PlatformSenders;
  readonly dispatcher: Dispatcher;
  readonly count: CountAttempt;
  readonly broken: BrokenAccounts;
  readonly table: Table;
  readonly signal: AbortSignal;
}

/** What came of a send. One that is not over has to count as under way from now on. */
interface Sent {
  readonly isOver: boolean;
  readonly isSent: boolean;
}

/** Attempts once and records what came of it. Throws nothing. */
async function sendOne(options: SendOptions, taken: TakenDelivery): Promise<Sent> {
  const { database, clock, log } = options;
  const start = clock.monotonic();
  const startedAt = clock.now();
  const now = () => taken.takenAt + clock.monotonic() - start;
  let recorded: Recorded | undefined;
  let isSent = false;
  await quietly(log, async () => {
    const delivery = await convertLate(options, taken);
    if (delivery === undefined) return;
    const recordScope = (scope: string) => recordKeyScope(database, delivery, scope);
    const verdict = await attemptDelivery({ ...options, recordScope, now }, delivery);
    if (verdict === undefined) return;
    isSent = verdict.status === 'sent';
    recorded = await untilRecorded(options, delivery, verdict);
    if (recorded === 'recorded') await tell(options, delivery, verdict);
    if (options.tracing) await traceDelivery(options.tracing, database, { delivery, verdict, startedAt });
  });
  return { isOver: recorded !== 'held', isSent };
}

async function tell(
  { log, count, broken, table }: SendOptions,
  delivery: TakenDelivery,
  verdict: Verdict,
): Promise<void> {
  const { target, attempt, destination } = delivery;
  const account = destination.kind === 'account' ? destination.account : '';
  count(destination.kind === 'account' ? destination.platform || 'account' : destination.kind, verdict.status);
  if (verdict.status === 'sent') {
    broken.works(account);
    return;
  }
  const about = { ...deliveryFields(delivery), target, ...(account === '' ? {} : { account }), error: verdict.error };
  log.warn({ ...about, status: verdict.status, attempt }, 'a delivery was not sent');
  if (verdict.status === 'pending' && verdict.account === 'broken') await broken.note(account, table);
}
