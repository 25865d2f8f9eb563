import { z } from 'zod';
import type { SendResult } from '../send-result.ts';
import type { PlatformAccount, PlatformCall, PlatformMessage, PlatformSender } from './platform.ts';
import { askPlatform, baseURL, discreet, type PlatformAnswer, read, tokenOf, unsure } from './platform-request.ts';
import { parseBlocks } from './text/blocks.ts';
import type { Block } from './text/document.ts';
import { fenced, type Marks, markedBlock } from './text/marks.ts';
import { type TextForm, writeParts } from './text/parts.ts';

/**
 * Slack's Web API, `chat.postMessage` with mrkdwn (https://docs.slack.dev/reference/methods/chat.postMessage). It has no
 * key by which it knows a message again. Pace: one message a second in a channel and several hundred a minute in a
 * workspace (https://docs.slack.dev/apis/web-api/rate-limits). A 429 does not say which of the two it is for: the pace is
 * below the second, so it is taken for the channel's.
 */
export const slack: PlatformSender = discreet({
  render: (markdown) => writeParts(parseBlocks(markdown), form),
  send,
  sameIdForMs: 0,
  pace: { accountMs: 200, chatMs: 1_000 },
});

// Slack itself cuts messages beyond 4,000 characters into several, and drops what is beyond 40,000.
const form: TextForm = {
  write,
  joint: (_, after) => (after.close ? '\n' : '\n\n'),
  limits: [{ max: 4_000, sizeOf: (text) => text.length }],
};

/** Slack has no escape for its marks: a literal pair of them may be shown as emphasis. */
const marks: Marks = {
  bold: '*',
  italic: '_',
  strike: '~',
  escape: escaped,
  code: (text) => (text.includes('`') || text.trim() === '' ? undefined : `\`${escaped(text)}\``),
  link: (label, address) => `<${linked(address)}|${label}>`,
  address: (address) => `<${linked(address)}>`,
  needGap: true,
};

function write(block: Block): string {
  return block.kind === 'code' ? fenced('', escaped(block.text)) : markedBlock(block, marks);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function linked(address: string): string {
  return address.replaceAll('&', '&amp;').replaceAll('|', '%7C');
}

async function send(account: PlatformAccount, message: PlatformMessage, call: PlatformCall): Promise<SendResult> {
  const credentials = tokenOf(account);
  if ('refused' in credentials) return credentials.refused;
  const request = {
    platform: 'Slack',
    method: 'POST',
    url: `${baseURL(account, 'apiURL', 'https://slack.com/api')}/chat.postMessage`,
    authorization: `Bearer ${credentials.token}`,
    body: {
      channel: message.chatId,
      text: message.text,
      ...(message.threadId === '' ? {} : { thread_ts: message.threadId }),
    },
  } as const;
  return askPlatform(request, call, resultOf);
}

const answer = z.object({
  ok: z.boolean().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  ts: z.string().optional().catch(undefined),
  message: z
    .object({ thread_ts: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

function resultOf({ status, body, retryAfterMs }: PlatformAnswer): SendResult | undefined {
  const said = read(answer, body);
  if (said?.ok === true) {
    return { kind: 'sent', receipt: { messageId: said.ts ?? '', threadId: said.message?.thread_ts ?? '' } };
  }
  if (said?.ok !== false) return status === 200 ? unsure('Slack', status) : undefined;
  const code = said.error ?? 'no error code';
  const error = `Slack answered ${code}`;
  if (accountCodes.has(code)) return { kind: 'not-sent', error, final: false, accountBroken: true };
  if (unsureCodes.has(code)) return { kind: 'ambiguous', error };
  return { kind: 'not-sent', error, final: !laterCodes.has(code), retryAfterMs };
}

const accountCodes: ReadonlySet<string> = new Set([
  'access_denied',
  'account_inactive',
  'invalid_auth',
  'missing_scope',
  'not_allowed_token_type',
  'not_authed',
  'token_expired',
  'token_revoked',
]);

/** "It's possible some aspect of the operation succeeded", says their description. */
const unsureCodes: ReadonlySet<string> = new Set(['fatal_error', 'internal_error']);

const laterCodes: ReadonlySet<string> = new Set([
  'external_channel_migrating',
  'org_login_required',
  'rate_limited',
  'ratelimited',
  'request_timeout',
  'service_unavailable',
  'team_added_to_org',
]);
