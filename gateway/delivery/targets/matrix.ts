import { z } from 'zod';
import type { SendResult } from '../send-result.ts';
import type { PlatformAccount, PlatformCall, PlatformMessage, PlatformSender } from './platform.ts';
import {
  askPlatform,
  baseURL,
  discreet,
  type PlatformAnswer,
  platformId,
  read,
  tokenOf,
  unsure,
} from './platform-request.ts';
import { parseBlocks } from './text/blocks.ts';
import type { Block } from './text/document.ts';
import { codeHTML, spanHTML, textOfHTML } from './text/html.ts';
import { type TextForm, writeParts } from './text/parts.ts';

/**
 * Matrix's `PUT /_matrix/client/v3/rooms/{roomId}/send/m.room.message/{txnId}` with `formatted_body`
 * (https://spec.matrix.org/latest/client-server-api/#sending-events-to-a-room). A device's transaction id is known again;
 * the specification does not say how long, Synapse keeps it for at least half an hour. Every homeserver sets its own pace.
 */
export const matrix: PlatformSender = discreet({
  render: (markdown) => writeParts(parseBlocks(markdown), form),
  send,
  sameIdForMs: 30 * 60_000,
  pace: { accountMs: 0, chatMs: 0 },
});

const tags = { bold: 'strong', italic: 'em', strike: 'del' } as const;

const form: TextForm = {
  write,
  joint: (before, after) => (stands(before) || stands(after) ? '\n' : after.close ? '<br>' : '<br><br>'),
  // An event has at most 65,536 bytes, with the fields of the homeservers that it passes.
  limits: [{ max: 48_000, sizeOf: (html) => jsonBytes(html) + jsonBytes(plainBody(html)) }],
};

function write(block: Block): string {
  if (block.kind === 'code') return codeHTML(block);
  const html = block.spans
    .map((span) => spanHTML(span, tags))
    .join('')
    .replaceAll('\n', '<br>')
    .replaceAll('  ', '&nbsp; ');
  return block.quote ? `<blockquote>${html}</blockquote>` : html;
}

/** Whether a block begins and ends a line by itself. */
function stands(block: Block): boolean {
  return block.kind === 'code' || block.quote;
}

/** What clients without HTML show. */
function plainBody(html: string): string {
  const lines = html.replaceAll('<br>', '\n').replaceAll('&nbsp;', ' ');
  return textOfHTML(
    lines.replaceAll(/<a href="([^"]*)">([^<]*)<\/a>/g, (_, address: string, label: string) =>
      address === label ? label : `${label} (${address})`,
    ),
  );
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}

async function send(account: PlatformAccount, message: PlatformMessage, call: PlatformCall): Promise<SendResult> {
  const credentials = tokenOf(account);
  if ('refused' in credentials) return credentials.refused;
  const homeserver = baseURL(account, 'homeserverURL');
  if (homeserver === '') {
    const error = `account ${account.account} has no settings.matrix.homeserverURL`;
    return { kind: 'not-sent', error, final: false, accountBroken: true };
  }
  if (!message.chatId.startsWith('!')) {
    const error = `chatId must be the id of a room for matrix, which starts with "!", not "${message.chatId}"`;
    return { kind: 'not-sent', error, final: true };
  }
  const room = encodeURIComponent(message.chatId);
  const request = {
    platform: 'the homeserver',
    method: 'PUT',
    url: `${homeserver}/_matrix/client/v3/rooms/${room}/send/m.room.message/${encodeURIComponent(message.id)}`,
    authorization: `Bearer ${credentials.token}`,
    body: content(message),
  } as const;
  return askPlatform(request, call, (answered) => resultOf(answered, message.threadId));
}

function content({ text, threadId }: PlatformMessage): object {
  return {
    msgtype: 'm.text',
    body: plainBody(text),
    format: 'org.matrix.custom.html',
    formatted_body: text,
    'm.mentions': {},
    ...(threadId === '' ? {} : { 'm.relates_to': inThread(threadId) }),
  };
}

function inThread(root: string): object {
  return { rel_type: 'm.thread', event_id: root, is_falling_back: true, 'm.in_reply_to': { event_id: root } };
}

const answer = z.object({
  event_id: platformId,
  errcode: z.string().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  retry_after_ms: z.number().optional().catch(undefined),
});

function resultOf({ status, body, retryAfterMs }: PlatformAnswer, threadId: string): SendResult | undefined {
  const said = read(answer, body);
  if (status >= 200 && status < 300) {
    const messageId = said?.event_id;
    return messageId === undefined
      ? unsure('the homeserver', status)
      : { kind: 'sent', receipt: { messageId, threadId } };
  }
  if (status >= 500) return undefined;
  const code = said?.errcode;
  if (status === 429) {
    const error = `the homeserver answered ${[status, code].filter(Boolean).join(', ')}`;
    const wait = retryAfterMs ?? said?.retry_after_ms;
    // It limits users (https://spec.matrix.org/latest/client-server-api/#rate-limiting), and the account is one.
    return { kind: 'not-sent', error, final: false, retryAfterMs: wait, accountWaits: true };
  }
  if (code === undefined) return undefined;
  const error = `the homeserver answered ${status}, ${code}${said?.error === undefined ? '' : `, ${said.error}`}`;
  if (accountCodes.has(code)) return { kind: 'not-sent', error, final: false, accountBroken: true };
  return { kind: 'not-sent', error, final: true };
}

const accountCodes: ReadonlySet<string> = new Set([
  'M_MISSING_TOKEN',
  'M_UNKNOWN_TOKEN',
  'M_USER_DEACTIVATED',
  'M_USER_LOCKED',
  'M_USER_SUSPENDED',
]);
