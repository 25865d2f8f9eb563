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
 * Telegram's Bot API, `sendMessage` with `parse_mode` HTML (https://core.telegram.org/bots/api#sendmessage). It has no
 * key by which it knows a message again. Pace: https://core.telegram.org/bots/faq, 30 messages a second, one in a chat. A
 * 429 says how long "before the request can be repeated" (https://core.telegram.org/bots/api#responseparameters), and so
 * nothing of other chats.
 */
export const telegram: PlatformSender = discreet({
  render: (markdown) => writeParts(parseBlocks(markdown), form),
  send,
  sameIdForMs: 0,
  pace: { accountMs: 34, chatMs: 1_000 },
});

const tags = { bold: 'b', italic: 'i', strike: 's' } as const;

const form: TextForm = {
  write,
  joint: (_, after) => (after.close ? '\n' : '\n\n'),
  limits: [
    { max: 4_096, sizeOf: (html) => textOfHTML(html).length },
    // Not documented: Telegram drops entities beyond 100, and the Bot API's server takes no text beyond 32 KiB.
    { max: 100, sizeOf: (html) => html.split('</').length - 1 },
    { max: 30_000, sizeOf: (html) => Buffer.byteLength(html) },
  ],
};

function write(block: Block): string {
  if (block.kind === 'code') return codeHTML(block);
  const html = block.spans
    .map((span) => (span.link === span.text ? spanHTML({ ...span, link: '' }, tags) : spanHTML(span, tags)))
    .join('');
  return block.quote ? `<blockquote>${html}</blockquote>` : html;
}

async function send(account: PlatformAccount, message: PlatformMessage, call: PlatformCall): Promise<SendResult> {
  const credentials = tokenOf(account, /^\d{1,20}:[\w-]{1,200}$/);
  if ('refused' in credentials) return credentials.refused;
  if (message.threadId !== '' && !/^\d{1,15}$/.test(message.threadId)) {
    return {
      kind: 'not-sent',
      error: `threadId must be a number for telegram, not "${message.threadId}"`,
      final: true,
    };
  }
  const request = {
    platform: 'Telegram',
    method: 'POST',
    url: `${baseURL(account, 'apiURL', 'https://api.telegram.org')}/bot${credentials.token}/sendMessage`,
    body: {
      chat_id: message.chatId,
      text: message.text,
      parse_mode: 'HTML',
      ...(general.has(message.threadId) ? {} : { message_thread_id: Number(message.threadId) }),
    },
  } as const;
  return askPlatform(request, call, (answered) => resultOf(answered, message.threadId));
}

/** The topic General has the id 1 in what is received, and is refused as a topic to send to. */
const general: ReadonlySet<string> = new Set(['', '1']);

const answer = z.object({
  ok: z.boolean().optional().catch(undefined),
  description: z.string().optional().catch(undefined),
  parameters: z
    .object({ retry_after: z.number().optional().catch(undefined), migrate_to_chat_id: platformId })
    .optional()
    .catch(undefined),
  result: z.object({ message_id: platformId, message_thread_id: platformId }).optional().catch(undefined),
});

function resultOf({ status, body, retryAfterMs }: PlatformAnswer, thread: string): SendResult | undefined {
  const said = read(answer, body);
  if (said?.ok === true) {
    const { message_id: messageId = '', message_thread_id: threadId = thread } = said.result ?? {};
    return { kind: 'sent', receipt: { messageId, threadId } };
  }
  if (said?.ok !== false) return status === 200 ? unsure('Telegram', status) : undefined;
  const error = `Telegram answered ${status}: ${said.description ?? 'no description'}`;
  if (status === 429) {
    const seconds = said.parameters?.retry_after;
    return {
      kind: 'not-sent',
      error,
      final: false,
      retryAfterMs: seconds === undefined ? retryAfterMs : seconds * 1000,
    };
  }
  // The Bot API knows neither a wrong token nor one that it cannot read: 401 and 404, whatever the method.
  if (status === 401 || status === 404) return { kind: 'not-sent', error, final: false, accountBroken: true };
  if (status >= 500) return { kind: 'ambiguous', error };
  const moved = said.parameters?.migrate_to_chat_id;
  const cure = moved === undefined ? '' : `; the chat has moved: set chatId to "${moved}"`;
  return { kind: 'not-sent', error: `${error}${cure}`, final: true };
}
