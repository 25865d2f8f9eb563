import type { Random } from '../../isolation/random.ts';

/** One message that a target took, whether or not it said so. */
export interface Take {
  /** Of its chat, as the rows have it. */
  readonly line: string;
  readonly number: number;
  /** By which the target tells a repetition; '' where it has no such thing. */
  readonly id: string;
}

/** What a target does instead of taking a message and saying so, as shares of 1. */
export interface Faults {
  /** It answers that it failed, and has not taken it. */
  readonly fails: number;
  /** It answers 429 and has not taken it. */
  readonly limits: number;
  /** It never answers; half of those it has taken. */
  readonly hangs: number;
  /** It takes the message, and the connection breaks in the middle of the answer. */
  readonly dies: number;
  /** The connection breaks before any answer, and it has not taken it. */
  readonly resets: number;
}

/** A target of deliveries that behaves badly. */
export interface FaultyTarget {
  /** Columns of `deliveries` for a message of an Agent to a chat: where it goes. */
  readonly row: (chat: number, agent: string) => TargetRow;
  /** Where the Telegram account of every Agent is; absent of a target that needs no accounts. */
  readonly telegramURL?: string;
  /** Everything it took, in order. */
  readonly takes: () => readonly Take[];
  readonly requests: () => number;
  /** Requests that came with another Agent's token than that of the chat's; 0 where there are no tokens. */
  readonly foreignTokens: () => number;
  readonly stop: () => Promise<void>;
}

export interface TargetRow {
  readonly line: string;
  readonly kind: string;
  readonly destination: object;
}

/** Starts a target; `agentOf` names the Agent to which a chat belongs. */
export type StartTarget = (faults: Faults, random: Random, agentOf: (chat: number) => string) => Promise<FaultyTarget>;

const names = ['fails', 'limits', 'hangs', 'dies', 'resets'] as const;

/** What happens to the next request; undefined: nothing bad. */
export function pickFault(faults: Faults, random: Random): keyof Faults | undefined {
  let at = random.next();
  for (const name of names) {
    at -= faults[name];
    if (at < 0) return name;
  }
  return undefined;
}
