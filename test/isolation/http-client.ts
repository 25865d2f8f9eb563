import { Pool } from 'undici';

/** One answer of a gateway. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: ReplyBody;
}

interface ReplyBody {
  readonly id?: string;
  readonly status?: string;
  readonly agent?: string;
  readonly output_text?: string;
  readonly session_id?: string | null;
  readonly error?: { readonly code: string } | null;
  readonly choices?: readonly { readonly message: { readonly content: string } }[];
}

export interface Sending {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly key: string | undefined;
  /** Names and values by turns, sent as they are. */
  readonly rawHeaders?: readonly string[];
  /** The bytes. */
  readonly body?: string;
}

/** A client of one gateway that sends headers as they are, twice if they are there twice. */
export interface HttpClient {
  readonly send: (sending: Sending) => Promise<Reply>;
  readonly stop: () => Promise<void>;
}

/** Opens one. A request that takes longer than 60 s rejects. */
export function createHttpClient(url: string): HttpClient {
  const pool = new Pool(url, { connections: 64, headersTimeout: 60_000, bodyTimeout: 60_000 });
  return {
    send: async ({ method, path, key, rawHeaders = [], body }) => {
      const headers = [
        ...rawHeaders,
        ...(key === undefined ? [] : ['authorization', `Bearer ${key}`]),
        ...(body === undefined ? [] : ['content-type', 'application/json']),
      ];
      const answer = await pool.request({ method, path, headers, ...(body === undefined ? {} : { body }) });
      return { status: answer.statusCode, headers: answer.headers, body: (await answer.body.json()) as ReplyBody };
    },
    stop: () => pool.close(),
  };
}
