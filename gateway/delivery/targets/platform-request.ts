import { request } from 'undici';
import { z } from 'zod';
import { deadline } from '../../../core/lib/deadline.ts';
import type { SendResult } from '../send-result.ts';
import { brokenOff, refusedByStatus, retryAfterMs } from './failures.ts';
import type { PlatformAccount, PlatformCall, PlatformSender } from './platform.ts';

/** One request to a platform, with JSON both ways. */
export interface PlatformRequest {
  /** What the platform is called in errors. */
  readonly platform: string;
  readonly method: 'POST' | 'PUT';
  readonly url: string;
  /** The value of `authorization`; none where the address says who calls. */
  readonly authorization?: string;
  /** 'talaria' where the platform asks for none of its own. */
  readonly userAgent?: string;
  readonly body: object;
}

export interface PlatformAnswer {
  readonly status: number;
  /** What the body says; undefined when it broke off or is no JSON. */
  readonly body: unknown;
  /** How long the headers ask to wait. */
  readonly retryAfterMs: number | undefined;
}

/** Enough for a message of any platform and what it says of it. */
const maxAnswerBytes = 1024 * 1024;

/**
 * Asks once, follows no redirect, and lets `resultOf` say what the answer means, or undefined where the status alone says
 * it. Throws nothing.
 */
export async function askPlatform(
  asked: PlatformRequest,
  call: PlatformCall,
  resultOf: (answer: PlatformAnswer) => SendResult | undefined,
): Promise<SendResult> {
  using limit = deadline(call.answerWithinMs, call.signal);
  try {
    const answer = await request(asked.url, {
      dispatcher: call.dispatcher,
      method: asked.method,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': asked.userAgent ?? 'talaria',
        ...(asked.authorization === undefined ? {} : { authorization: asked.authorization }),
      },
      body: JSON.stringify(asked.body),
      signal: limit.signal,
    });
    const body = await readJson(answer.body).catch(() => undefined);
    const wait = retryAfterMs(answer.headers['retry-after'], call.now);
    const result = resultOf({ status: answer.statusCode, body, retryAfterMs: wait });
    return result ?? refusedByStatus(asked.platform, answer.statusCode, wait);
  } catch (error) {
    const late = limit.expired() ? `no answer from ${asked.platform} within ${call.answerWithinMs} ms` : undefined;
    return brokenOff(asked.platform, error, late);
  }
}

/** Reads an answer by a schema whose members are optional or have a fallback; undefined when it is something else. */
export function read<T>(schema: z.ZodType<T>, body: unknown): T | undefined {
  return schema.safeParse(body).data;
}

/** What an answer means that says yes and does not name the message: it may have broken off, or be somebody else's. */
export function unsure(platform: string, status: number): SendResult {
  return { kind: 'ambiguous', error: `${platform} answered ${status} without the message that it took` };
}

/** An id of a platform, as text. */
export const platformId = z.union([z.string(), z.number(), z.bigint()]).transform(String).optional().catch(undefined);

/** The account's token, or why it can have none. `pattern` is what the platform's tokens look like. */
export function tokenOf(account: PlatformAccount, pattern = /^[!-~]+$/): { token: string } | { refused: SendResult } {
  const token = account.credentials.token?.trim() ?? '';
  if (pattern.test(token)) return { token };
  const what = token === '' ? 'has no value' : 'holds something else than a token';
  const error = `the key \`token\` of the Secret of account ${account.account} ${what}`;
  return { refused: { kind: 'not-sent', error, final: false, accountBroken: true } };
}

/** An address that the account's settings may replace, without a slash at its end. */
export function baseURL(account: PlatformAccount, setting: string, standard = ''): string {
  const own = account.settings[setting];
  return (typeof own === 'string' && own !== '' ? own : standard).replace(/\/{1,8}$/, '');
}

/**
 * A sender that throws nothing, whose errors hold nothing of the account's Secret, and whose errors and ids have a bounded
 * length. An answer with a longer id names no message.
 */
export function discreet(sender: PlatformSender): PlatformSender {
  return {
    ...sender,
    send: async (account, message, call) => {
      try {
        const result = await sender.send(account, message, call);
        if (result.kind !== 'sent') return { ...result, error: withoutSecrets(result.error, account) };
        const { messageId = '', threadId = '' } = result.receipt ?? {};
        return Math.max(messageId.length, threadId.length) <= maxIdLength ? result : unnamed;
      } catch {
        return { kind: 'not-sent', error: 'the message could not be put into a request', final: true };
      }
    },
  };
}

const maxErrorLength = 400;
/** Those of the platforms have less than 100. */
const maxIdLength = 256;
const unnamed: SendResult = {
  kind: 'ambiguous',
  error: `the platform answered without an id of at most ${maxIdLength} characters`,
};

function withoutSecrets(error: string, account: PlatformAccount): string {
  const secrets = Object.values(account.credentials).flatMap((value) => [value, value.trim()]);
  let text = error;
  for (const secret of secrets) {
    for (const form of [secret, encodeURIComponent(secret.toWellFormed())]) {
      if (form.length >= 4) text = text.replaceAll(form, '[secret]');
    }
  }
  return text.length > maxErrorLength ? `${text.slice(0, maxErrorLength - 1).toWellFormed()}…` : text;
}

async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxAnswerBytes) return undefined;
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
