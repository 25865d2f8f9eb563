import { type FakePlatform, type PlatformReply, startFakePlatform, textMember } from './fake-platform.ts';

/** Telegram's Bot API, as far as `sendMessage` goes. `url` is an `apiURL`. */
export function startFakeTelegram(options: FakeTelegramOptions = {}): Promise<FakePlatform> {
  const { tokens, port } = options;
  return startFakePlatform(
    {
      read: ({ method, path, body }) => {
        const token = /^\/bot([^/]+)\/sendMessage$/i.exec(path)?.[1];
        if (method !== 'POST' || token === undefined) return undefined;
        const text = textMember(body, 'text');
        return {
          token,
          chat: textMember(body, 'chat_id'),
          thread: textMember(body, 'message_thread_id'),
          text,
          key: '',
        };
      },
      objection: ({ token, chat, text, request }) => {
        if (tokens && !tokens.includes(token)) return refusal(401, 'Unauthorized');
        if (chat === '') return refusal(400, 'Bad Request: chat_id is empty');
        if (request.body.parse_mode !== 'HTML') return refusal(400, 'Bad Request: unsupported parse_mode');
        if (request.body.message_thread_id === 1) return refusal(400, 'Bad Request: message thread not found');
        const shown = shownText(text);
        if (shown === undefined) return refusal(400, "Bad Request: can't parse entities");
        if (shown.trim() === '') return refusal(400, 'Bad Request: message text is empty');
        return shown.length > 4096 ? refusal(400, 'Bad Request: message is too long') : undefined;
      },
      taken: ({ chat, thread, text }, id) => ({
        status: 200,
        body: {
          ok: true,
          result: {
            message_id: Number(id),
            ...(thread === '' ? {} : { message_thread_id: Number(thread), is_topic_message: true }),
            chat: { id: Number(chat), type: chat.startsWith('-') ? 'supergroup' : 'private' },
            date: 1_767_225_600,
            text: shownText(text),
          },
        },
      }),
      refused: (description, status = 400) => refusal(status, description, parametersOf(description)),
      limited: (seconds) => refusal(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds }),
      unknown: () => refusal(404, 'Not Found'),
      id: String,
    },
    port,
  );
}

export interface FakeTelegramOptions {
  /** The tokens that it knows; any when left out. */
  readonly tokens?: readonly string[];
  readonly port?: number;
}

/** The new id of a group, in the error of one that was upgraded. */
export const upgradedGroup = '-1001557912345';

function parametersOf(description: string): object | undefined {
  return description.includes('upgraded to a supergroup') ? { migrate_to_chat_id: Number(upgradedGroup) } : undefined;
}

function refusal(status: number, description: string, parameters?: object): PlatformReply {
  return { status, body: { ok: false, error_code: status, description, ...(parameters && { parameters }) } };
}

const known = new Set(['a', 'b', 'blockquote', 'code', 'i', 'pre', 's']);

/** What is seen of a text in the Bot API's HTML; undefined when a tag is unknown, not closed or closed in a wrong place. */
function shownText(html: string): string | undefined {
  const open: string[] = [];
  for (const [, slash, name = ''] of html.matchAll(/<(\/?)([a-z]*)[^<>]*>/g)) {
    if (!known.has(name)) return undefined;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) return undefined;
  }
  const text = html.replaceAll(/<\/?[a-z]+(?: (?:href|class)="[^"<>]*")?>/g, '');
  if (open.length > 0 || /[<>]|&(?!(?:lt|gt|amp|quot);)/.test(text)) return undefined;
  const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&amp;': '&' };
  return text.replaceAll(/&(?:lt|gt|quot|amp);/g, (entity) => entities[entity] ?? '');
}
