import { bearer, type FakePlatform, type PlatformReply, startFakePlatform, textMember } from './fake-platform.ts';

/** A Matrix homeserver, as far as sending messages goes. `url` is a `homeserverURL`. Transaction ids hold for ever. */
export function startFakeMatrix(options: FakeMatrixOptions = {}): Promise<FakePlatform> {
  const { tokens, port } = options;
  return startFakePlatform(
    {
      read: (request) => {
        const place = /^\/_matrix\/client\/v3\/rooms\/([^/]+)\/send\/m\.room\.message\/([^/]+)$/.exec(request.path);
        if (request.method !== 'PUT' || place === null) return undefined;
        const [chat = '', key = ''] = place.slice(1).map(decodeURIComponent);
        const text = textMember(request.body, 'formatted_body');
        return { token: bearer(request), chat, thread: threadOf(request.body), text, key };
      },
      objection: ({ token, request }) => {
        if (token === '') return refusal(401, 'M_MISSING_TOKEN', 'Missing access token');
        if (tokens && !tokens.includes(token)) return refusal(401, 'M_UNKNOWN_TOKEN', 'Unrecognised access token');
        const event = Buffer.byteLength(JSON.stringify(request.body)) + eventFields;
        return event > 65_536 ? refusal(413, 'M_TOO_LARGE', 'event too large') : undefined;
      },
      taken: (_, id) => ({ status: 200, body: { event_id: id } }),
      refused: (code, status = 403) => refusal(status, code, `refused with ${code}`),
      limited: (seconds) => ({
        status: 429,
        body: { errcode: 'M_LIMIT_EXCEEDED', error: 'Too Many Requests', retry_after_ms: seconds * 1000 },
      }),
      unknown: () => refusal(404, 'M_UNRECOGNIZED', 'Unrecognized request'),
      id: (number) => `$event${number}`,
    },
    port,
  );
}

export interface FakeMatrixOptions {
  /** The tokens that it knows; any when left out. */
  readonly tokens?: readonly string[];
  readonly port?: number;
}

/** What homeservers add to an event: hashes, signatures, the events before it. */
const eventFields = 4_096;

function threadOf(body: Readonly<Record<string, unknown>>): string {
  const relation = (body['m.relates_to'] ?? {}) as Record<string, unknown>;
  return relation.rel_type === 'm.thread' ? textMember(relation, 'event_id') : '';
}

function refusal(status: number, errcode: string, error: string): PlatformReply {
  return { status, body: { errcode, error } };
}
