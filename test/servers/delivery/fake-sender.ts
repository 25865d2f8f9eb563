import type { SendResult } from '../../../gateway/delivery/send-result.ts';
import type { PlatformAccount, PlatformMessage, PlatformSender } from '../../../gateway/delivery/targets/platform.ts';

/** One message as the platform saw it. */
export interface SeenMessage extends PlatformMessage {
  readonly account: string;
  readonly token: string;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** What the platform answers to one message; `count` counts from 1. */
export type PlatformAnswer = (
  message: SeenMessage,
  signal: AbortSignal,
  count: number,
) => SendResult | Promise<SendResult>;

export interface FakePlatform {
  readonly sender: PlatformSender;
  readonly seen: readonly SeenMessage[];
  /** Changes what is answered from now on. */
  readonly answer: (answer: PlatformAnswer) => void;
}

/** A platform in the process of the test; it takes everything unless said otherwise. */
export function fakePlatform(traits: Partial<Pick<PlatformSender, 'sameIdForMs' | 'pace'>> = {}): FakePlatform {
  const seen: SeenMessage[] = [];
  let current: PlatformAnswer = takes;
  const send: PlatformSender['send'] = async (account: PlatformAccount, message, { signal }) => {
    const token = account.credentials.token ?? '';
    const one = { ...message, account: account.account, token, at: performance.now() };
    seen.push(one);
    return await current(one, signal, seen.length);
  };
  const render = (markdown: string) => (markdown === '' ? [] : markdown.split('\n---\n'));
  return {
    sender: { render, send, sameIdForMs: 0, pace: { accountMs: 0, chatMs: 0 }, ...traits },
    seen,
    answer: (answer) => {
      current = answer;
    },
  };
}

/** It has the message, and calls it by the number of messages that it has seen. */
export const takes: PlatformAnswer = (_message, _signal, count) => ({
  kind: 'sent',
  receipt: { messageId: `m${count}`, threadId: '' },
});

/** It answers nothing, as long as the sender waits. */
export const hangs: PlatformAnswer = (_message, signal) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve({ kind: 'ambiguous', error: 'no answer' }), { once: true });
  });

export const answers =
  (result: SendResult): PlatformAnswer =>
  () =>
    result;
