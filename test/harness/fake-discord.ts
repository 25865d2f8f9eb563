import { bearer, type FakePlatform, type PlatformReply, startFakePlatform, textMember } from './fake-platform.ts';

/** Discord's HTTP API, as far as "Create Message" goes. `url` is an `apiURL`. Nonces are enforced for ever. */
export function startFakeDiscord(options: FakeDiscordOptions = {}): Promise<FakePlatform> {
  const { tokens, port } = options;
  return startFakePlatform(
    {
      read: (request) => {
        const channel = /^\/channels\/(\d+)\/messages$/.exec(request.path)?.[1];
        if (request.method !== 'POST' || channel === undefined) return undefined;
        const key = request.body.enforce_nonce === true ? textMember(request.body, 'nonce') : '';
        const text = textMember(request.body, 'content');
        return { token: bearer(request, 'Bot'), chat: channel, thread: '', text, key };
      },
      objection: ({ token, text, key, request }) => {
        if (token === '' || (tokens && !tokens.includes(token))) return refusal(401, 0, '401: Unauthorized');
        if (!request.headers['user-agent']?.startsWith('DiscordBot (')) return blocked;
        if (text.trim() === '') return refusal(400, 50006, 'Cannot send an empty message');
        return text.length > 2_000 || key.length > 25 ? refusal(400, 50035, 'Invalid Form Body') : undefined;
      },
      taken: ({ chat, text, key }, id) => ({ status: 200, body: { id, channel_id: chat, content: text, nonce: key } }),
      refused: (code, status = 403) => refusal(status, Number(code), messages[code] ?? 'General error'),
      limited: (seconds) => ({
        status: 429,
        body: { message: 'You are being rate limited.', retry_after: seconds, global: false },
        headers: { 'retry-after': String(Math.ceil(seconds)) },
      }),
      unknown: () => refusal(404, 0, '404: Not Found'),
      id: (number) => String(1_200_000_000_000_000_000n + BigInt(number)),
    },
    port,
  );
}

export interface FakeDiscordOptions {
  /** The tokens that it knows; any when left out. */
  readonly tokens?: readonly string[];
  readonly port?: number;
}

/** What stands in front of Discord says to an address that asked too much. */
const blocked: PlatformReply = { status: 403, body: 'error code: 1015' };

const messages: Readonly<Record<string, string>> = {
  10003: 'Unknown Channel',
  40002: 'You need to verify your account in order to perform this action',
  50001: 'Missing Access',
  50007: 'Cannot send messages to this user',
  50013: 'Missing Permissions',
};

function refusal(status: number, code: number, message: string): PlatformReply {
  return { status, body: { message, code } };
}
