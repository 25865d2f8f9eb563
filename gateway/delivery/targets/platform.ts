import type { Dispatcher } from 'undici';
import type { SendResult } from '../send-result.ts';

/** An account of an agent with what its Secret holds now. */
export interface PlatformAccount {
  /** `<agent>/<name>` */
  readonly account: string;
  /** Key of the account's Secret -> its value. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** One part of a delivery on its way to a chat. */
export interface PlatformMessage {
  /** The delivery's id on the wire: the same for every attempt, another for every part. */
  readonly id: string;
  readonly chatId: string;
  /** '' for none. */
  readonly threadId: string;
  /** One of the parts that `render` made. */
  readonly text: string;
}

export interface PlatformCall {
  /** It checks the address that it connects to. */
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Unix milliseconds. */
  readonly now: number;
  /** How long the platform may take to answer, the connection included. */
  readonly answerWithinMs: number;
}

/** How one chat platform takes messages. Pure but for `send`, which keeps nothing between calls. */
export interface PlatformSender {
  /**
   * Converts Markdown to what the platform reads and cuts it into parts that it takes, in order: at paragraphs where it
   * can, a code block never without its fences. An empty text has no part.
   */
  readonly render: (markdown: string) => readonly string[];
  /** Sends one part once. Throws nothing. */
  readonly send: (account: PlatformAccount, message: PlatformMessage, call: PlatformCall) => Promise<SendResult>;
  /** How long after a first attempt the same message id is certain not to be shown twice; 0 where it has no such key. */
  readonly sameIdForMs: number;
  /** Least time between two messages of one account, and of one chat, that the platform documents. */
  readonly pace: { readonly accountMs: number; readonly chatMs: number };
}

/** Senders by the platform's name. */
export type PlatformSenders = Readonly<Record<string, PlatformSender>>;
