import { createHash } from 'node:crypto';
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
import { fenced, type Marks, markedBlock } from './text/marks.ts';
import { type TextForm, writeParts } from './text/parts.ts';

/**
 * Discord's "Create Message" (https://docs.discord.com/developers/resources/message#create-message). A nonce is enforced
 * for "the past few minutes", of which two are taken. Pace: 50 requests a second; what a channel takes is not documented,
 * five messages in five seconds is what its headers say.
 */
export const discord: PlatformSender = discreet({
  render: (markdown) => writeParts(parseBlocks(markdown), form),
  send,
  sameIdForMs: 120_000,
  pace: { accountMs: 20, chatMs: 1_000 },
});

const form: TextForm = {
  write,
  joint: (_, after) => (after.close ? '\n' : '\n\n'),
  limits: [{ max: 2_000, sizeOf: (text) => text.length }],
};

const marks: Marks = {
  bold: '**',
  italic: '*',
  strike: '~~',
  escape: (text) => text.replaceAll(/[\\*_~`|<>[\]]/g, '\\$&').replaceAll(/^(\s*)([#-])(?=\s|#|-#)/gm, '$1\\$2'),
  code,
  link: (label, address) => `[${label}](<${address}>)`,
  address: (address) => address,
  needGap: false,
};

function write(block: Block): string {
  return block.kind === 'code' ? fenced(block.language, block.text) : markedBlock(block, marks);
}

function code(text: string): string | undefined {
  if (text.includes('``') || text.trim() === '') return undefined;
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

async function send(account: PlatformAccount, message: PlatformMessage, call: PlatformCall): Promise<SendResult> {
  const credentials = tokenOf(account);
  if ('refused' in credentials) return credentials.refused;
  const field = message.threadId === '' ? 'chatId' : 'threadId';
  const channel = message[field];
  if (!/^\d{1,20}$/.test(channel)) {
    return { kind: 'not-sent', error: `${field} must be a number for discord, not "${channel}"`, final: true };
  }
  const request = {
    platform: 'Discord',
    method: 'POST',
    url: `${baseURL(account, 'apiURL', 'https://discord.com/api/v10')}/channels/${channel}/messages`,
    authorization: `Bot ${credentials.token}`,
    userAgent: 'DiscordBot (https://talaria.dev, 1)',
    body: {
      content: message.text,
      nonce: nonceOf(message.id),
      enforce_nonce: true,
      allowed_mentions: { parse: [] },
    },
  } as const;
  return askPlatform(request, call, (answered) => resultOf(answered, message.threadId));
}

/** A nonce has at most 25 characters. */
function nonceOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, 25);
}

const answer = z.object({
  id: platformId,
  message: z.string().optional().catch(undefined),
  code: z.number().optional().catch(undefined),
  retry_after: z.number().optional().catch(undefined),
  global: z.boolean().optional().catch(undefined),
});

function resultOf({ status, body, retryAfterMs }: PlatformAnswer, threadId: string): SendResult | undefined {
  const said = read(answer, body);
  if (status >= 200 && status < 300) {
    return said?.id === undefined
      ? unsure('Discord', status)
      : { kind: 'sent', receipt: { messageId: said.id, threadId } };
  }
  if (status >= 500) return undefined;
  const what = [status, said?.code && `code ${said.code}`, said?.message].filter(Boolean).join(', ');
  const error = `Discord answered ${what}`;
  if (status === 429) {
    const wait = said?.retry_after === undefined ? retryAfterMs : Math.ceil(said.retry_after * 1000);
    return {
      kind: 'not-sent',
      error: said?.global ? `${error} (all channels)` : error,
      final: false,
      retryAfterMs: wait,
      // Its other limits are of a channel (https://docs.discord.com/developers/topics/rate-limits#global-rate-limit).
      ...(said?.global === true ? { accountWaits: true } : {}),
    };
  }
  if (status === 401 || said?.code === accountUnverified) {
    return { kind: 'not-sent', error, final: false, accountBroken: true };
  }
  // What stands before Discord answers 403 to an address that asked too much, in no JSON and for a while.
  if (status === 403 && said?.code === undefined) {
    return { kind: 'not-sent', error, final: false, retryAfterMs, accountWaits: true };
  }
  return said?.code === undefined ? undefined : { kind: 'not-sent', error, final: true };
}

const accountUnverified = 40002;
