import type { Clock } from '../../core/lib/clock.ts';

/** Keeps what goes out in the limits of targets and of this process. It knows only what this process sends. */
export interface Pace {
  /** How much may be taken now. */
  readonly room: () => {
    readonly direct: number;
    readonly throughAccounts: number;
    readonly ofAccount: ReadonlyMap<string, number>;
    readonly busyLines: readonly string[];
  };
  /** Notes that a message goes out; gives a function that notes its end. `account` is '' for webhooks and the log. */
  readonly began: (message: { readonly account: string; readonly line: string }, least: LeastTimes) => () => void;
  /** How long until more may be taken, if only time is waited for; Infinity otherwise. */
  readonly waitMs: () => number;
}

/** Least time between two messages of one account, and of one chat. */
export interface LeastTimes {
  readonly accountMs: number;
  readonly chatMs: number;
}

/** So that one account that hangs leaves room for others. */
const mostOfAccount = 4;
const most = { direct: 128, throughAccounts: 128 };

interface AccountPace {
  /** The platform counts from each, so that one goes at a time. */
  paced: boolean;
  underWay: number;
  nextAt: number;
}

/** Nothing is under way. */
export function createPace(clock: Pick<Clock, 'monotonic'>): Pace {
  const underWay = { direct: 0, throughAccounts: 0 };
  const accounts = new Map<string, AccountPace>();
  const lines = new Map<string, number>();

  const forgetPast = (now: number) => {
    for (const [line, until] of lines) if (until <= now) lines.delete(line);
    for (const [account, pace] of accounts) if (pace.underWay === 0 && pace.nextAt <= now) accounts.delete(account);
  };

  return {
    room: () => {
      const now = clock.monotonic();
      forgetPast(now);
      return {
        direct: most.direct - underWay.direct,
        throughAccounts: most.throughAccounts - underWay.throughAccounts,
        ofAccount: new Map([...accounts].map(([account, pace]) => [account, freeOf(pace, now)])),
        busyLines: [...lines.keys()],
      };
    },
    began: ({ account, line }, { accountMs, chatMs }) => {
      const now = clock.monotonic();
      const share = account === '' ? 'direct' : 'throughAccounts';
      underWay[share] += 1;
      const pace = accounts.get(account) ?? { paced: false, underWay: 0, nextAt: now };
      if (account !== '') {
        accounts.set(account, pace);
        pace.underWay += 1;
        // What is judged and not sent has no least times, and takes away none that others have.
        pace.paced ||= accountMs > 0;
        pace.nextAt = Math.max(pace.nextAt, now + accountMs);
      }
      return () => {
        underWay[share] -= 1;
        pace.underWay -= 1;
        if (chatMs > 0) lines.set(line, clock.monotonic() + chatMs);
      };
    },
    waitMs: () => {
      const now = clock.monotonic();
      const times = [...lines.values(), ...[...accounts.values()].map(({ nextAt }) => nextAt)];
      return times.reduce((least, at) => (at > now ? Math.min(least, at - now) : least), Number.POSITIVE_INFINITY);
    },
  };
}

function freeOf({ paced, underWay, nextAt }: AccountPace, now: number): number {
  if (now < nextAt) return 0;
  return paced ? Math.min(1, mostOfAccount - underWay) : mostOfAccount - underWay;
}
