import type { Clock } from '../../core/lib/clock.ts';

/** Keeps what goes out in the limits of targets and of this process. It knows only what this process sends. */
export interface Pace {
  /** How much may be taken now. */
  readonly room: () => {
    readonly direct: number;
    readonly throughAccounts: number;
    readonly ofAccount: ReadonlyMap<string, number>;
    readonly ofOrigin: ReadonlyMap<string, number>;
    readonly ofNewOrigin: number;
    readonly busyLines: readonly string[];
  };
  /** Notes that a message goes out; gives a function that notes its end, and whether the target took it. */
  readonly began: (message: Outgoing, least: LeastTimes) => (taken: boolean) => void;
  /** How long until more may be taken, if only time is waited for; Infinity otherwise. */
  readonly waitMs: () => number;
}

export interface Outgoing {
  /** '' for webhooks and the log. */
  readonly account: string;
  /** Of a webhook, 'log' for the log; '' through an account. */
  readonly origin: string;
  readonly line: string;
}

/** Least time between two messages of one account, and of one chat. */
export interface LeastTimes {
  readonly accountMs: number;
  readonly chatMs: number;
}

/** So that an account or a receiver that hangs leaves room for others; an account has 1 until its platform took a message. */
const mostOfAccount = 4;
const mostOfOrigin = 16;
const most = { direct: 256, throughAccounts: 128 };
/** How long an account that sends nothing is known as one whose platform answers. */
const knownMs = 10_000;

interface AccountPace {
  /** The platform counts from each, so that one goes at a time. */
  paced: boolean;
  /** Its platform took the last message that ended. */
  answers: boolean;
  underWay: number;
  nextAt: number;
  forgetAt: number;
}

/** Nothing is under way. */
export function createPace(clock: Pick<Clock, 'monotonic'>): Pace {
  const underWay = { direct: 0, throughAccounts: 0 };
  const accounts = new Map<string, AccountPace>();
  const origins = new Map<string, number>();
  const lines = new Map<string, number>();

  const forgetPast = (now: number) => {
    for (const [line, until] of lines) if (until <= now) lines.delete(line);
    for (const [account, pace] of accounts) if (pace.underWay === 0 && pace.forgetAt <= now) accounts.delete(account);
  };

  const beganThrough = (account: string, accountMs: number) => {
    const now = clock.monotonic();
    const pace = accounts.get(account) ?? { paced: false, answers: false, underWay: 0, nextAt: now, forgetAt: now };
    accounts.set(account, pace);
    pace.underWay += 1;
    // What is judged and not sent has no least times, and takes away none that others have.
    pace.paced ||= accountMs > 0;
    pace.nextAt = Math.max(pace.nextAt, now + accountMs);
    underWay.throughAccounts += 1;
    return (taken: boolean) => {
      pace.underWay -= 1;
      pace.answers = taken;
      pace.forgetAt = Math.max(pace.nextAt, clock.monotonic() + (taken ? knownMs : 0));
      underWay.throughAccounts -= 1;
    };
  };

  const beganDirect = (origin: string) => {
    const one = origin === 'log' ? 0 : 1;
    const add = (count: number) => origins.set(origin, (origins.get(origin) ?? 0) + count);
    add(1);
    underWay.direct += one;
    return () => {
      add(-1);
      underWay.direct -= one;
      if (origins.get(origin) === 0) origins.delete(origin);
    };
  };

  return {
    room: () => {
      const now = clock.monotonic();
      forgetPast(now);
      return {
        direct: most.direct - underWay.direct,
        throughAccounts: most.throughAccounts - underWay.throughAccounts,
        ofAccount: new Map([...accounts].map(([account, pace]) => [account, freeOf(pace, now)])),
        ofOrigin: new Map([...origins].map(([origin, count]) => [origin, mostOfOrigin - count])),
        ofNewOrigin: mostOfOrigin,
        busyLines: [...lines.keys()],
      };
    },
    began: ({ account, origin, line }, least) => {
      const ended = account === '' ? beganDirect(origin) : beganThrough(account, least.accountMs);
      return (taken) => {
        ended(taken);
        if (least.chatMs > 0) lines.set(line, clock.monotonic() + least.chatMs);
      };
    },
    waitMs: () => {
      const now = clock.monotonic();
      const times = [...lines.values(), ...[...accounts.values()].map(({ nextAt }) => nextAt)];
      return times.reduce((least, at) => (at > now ? Math.min(least, at - now) : least), Number.POSITIVE_INFINITY);
    },
  };
}

function freeOf({ paced, answers, underWay, nextAt }: AccountPace, now: number): number {
  if (now < nextAt) return 0;
  const free = Math.max(0, (answers ? mostOfAccount : 1) - underWay);
  return paced ? Math.min(1, free) : free;
}
