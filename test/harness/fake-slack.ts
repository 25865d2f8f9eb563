import { bearer, type FakePlatform, startFakePlatform, textMember } from './fake-platform.ts';

/** Slack's Web API, as far as `chat.postMessage` goes. `url` is an `apiURL`. */
export function startFakeSlack(options: FakeSlackOptions = {}): Promise<FakePlatform> {
  const { tokens, port } = options;
  const refused = (error: string, status = 200) => ({ status, body: { ok: false, error } });
  return startFakePlatform(
    {
      read: (request) => {
        if (request.method !== 'POST' || request.path !== '/chat.postMessage') return undefined;
        const [chat, thread, text] = ['channel', 'thread_ts', 'text'].map((name) => textMember(request.body, name));
        return { token: bearer(request), chat: chat ?? '', thread: thread ?? '', text: text ?? '', key: '' };
      },
      objection: ({ token, chat, text }) => {
        if (token === '') return refused('not_authed');
        if (tokens && !tokens.includes(token)) return refused('invalid_auth');
        if (chat === '') return refused('channel_not_found');
        if (text.trim() === '') return refused('no_text');
        return text.length > 40_000 ? refused('msg_too_long') : undefined;
      },
      taken: ({ chat, thread, text }, ts) => {
        const message = { type: 'message', bot_id: 'B1', text, ts, ...(thread === '' ? {} : { thread_ts: thread }) };
        return { status: 200, body: { ok: true, channel: chat, ts, message } };
      },
      refused,
      limited: (seconds) => ({
        status: 429,
        body: { ok: false, error: 'ratelimited' },
        headers: { 'retry-after': String(seconds) },
      }),
      unknown: () => refused('unknown_method'),
      id: (number) => `1767225600.${String(number).padStart(6, '0')}`,
    },
    port,
  );
}

export interface FakeSlackOptions {
  /** The tokens that it knows; any when left out. */
  readonly tokens?: readonly string[];
  readonly port?: number;
}
