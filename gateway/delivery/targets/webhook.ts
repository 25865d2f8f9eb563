import { type Dispatcher, request } from 'undici';
import { deadline } from '../../../core/lib/deadline.ts';
import type { SendResult } from '../send-result.ts';
import { brokenOff, refusedByStatus, retryAfterMs } from './failures.ts';
import { signatureHeaders } from './signature.ts';

export interface WebhookCall {
  readonly url: string;
  /** The webhook's id: the same for every attempt. */
  readonly id: string;
  readonly body: string;
  /** The signing secrets that are valid, the current one first. */
  readonly secrets: readonly string[];
  /** Unix milliseconds. */
  readonly now: number;
  /** How long the receiver may take to answer, the connection included. */
  readonly answerWithinMs: number;
  readonly signal: AbortSignal;
}

/** What is read of an answer, so that its connection can be used again. */
const maxAnswerBytes = 64 * 1024;

/** Posts once and follows no redirect. `dispatcher` checks the address that it connects to. Throws nothing. */
export async function sendWebhook(dispatcher: Dispatcher, call: WebhookCall): Promise<SendResult> {
  using limit = deadline(call.answerWithinMs, call.signal);
  try {
    const answer = await request(call.url, {
      dispatcher,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'talaria',
        ...signatureHeaders(call.id, Math.floor(call.now / 1000), call.body, call.secrets),
      },
      body: call.body,
      signal: limit.signal,
    });
    // What the status says holds, whatever becomes of the rest.
    await answer.body.dump({ limit: maxAnswerBytes, signal: limit.signal }).catch(() => undefined);
    if (answer.statusCode >= 200 && answer.statusCode < 300) return { kind: 'sent' };
    const wait = retryAfterMs(answer.headers['retry-after'], call.now);
    return refusedByStatus('the receiver', answer.statusCode, wait);
  } catch (error) {
    const late = limit.expired() ? `no answer within ${call.answerWithinMs} ms` : undefined;
    return brokenOff('the receiver', error, late);
  }
}
