import { GatewayRefusal, GatewayUnreachable, NoGateway } from './failures.ts';

/** Where a gateway is and what it is asked with. */
export interface GatewayAddress {
  /** `http://host:port`, with a path of its own where a proxy needs one. */
  readonly url: string;
  /** Undefined where none is needed. */
  readonly key: string | undefined;
  /** Why the way to the gateway is broken, where that is known. */
  readonly failure?: (() => string | undefined) | undefined;
}

export interface GatewayRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its leading slash, from the root of the gateway. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/**
 * Sends a request and gives the answer once its head is there, when it is of a 2xx status. Throws GatewayRefusal with the
 * gateway's own words or GatewayUnreachable.
 */
export type SendToGateway = (request: GatewayRequest) => Promise<Response>;

export const deadlineMs = 30_000;

/** Makes what sends to one gateway. */
export function createSender({ url, key, failure }: GatewayAddress): SendToGateway {
  return async ({ method, path, headers = {}, body, signal }) => {
    const authorization = key === undefined ? {} : { authorization: `Bearer ${checkKey(key)}` };
    const content = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      method,
      headers: { ...authorization, ...content, ...headers },
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw new GatewayUnreachable(url, failure?.() ?? reasonOf(error));
    });
    if (!response.ok) throw await refusalOf(response, url);
    return response;
  };
}

/** The JSON of an answer. Throws GatewayUnreachable when it is none. */
export async function readJson<T>(response: Response, url: string): Promise<T> {
  return (await response.json().catch((error: unknown) => {
    throw new GatewayUnreachable(url, `its answer is not JSON (${reasonOf(error)})`);
  })) as T;
}

/** What fetch says of a header that it does not take holds the header. */
function checkKey(key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new NoGateway('The key is none: keys are visible ASCII without spaces. See --key and TALARIA_API_KEY.');
}

async function refusalOf(response: Response, url: string): Promise<Error> {
  const text = await response.text().catch(() => '');
  const error = errorIn(text);
  if (error !== undefined) return new GatewayRefusal(error.code, error.message);
  return new GatewayUnreachable(url, `HTTP ${response.status} of something that is no gateway`);
}

/** The code and message of an error body; undefined when the text is none. */
export function errorIn(text: string): { readonly code: string; readonly message: string } | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    const { code, message } = error ?? {};
    return typeof code === 'string' && typeof message === 'string' ? { code, message } : undefined;
  } catch {
    return undefined;
  }
}

const speaksNoTls = 'what is there speaks no TLS; write http:// in place of https://';

/** Why fetch failed, in a few words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${deadlineMs / 1_000} s`;
  const { cause } = error;
  if (cause instanceof Error && cause.message.includes('wrong version number')) return speaksNoTls;
  const inner =
    cause instanceof Error ? (cause.message === '' && 'code' in cause ? String(cause.code) : cause.message) : '';
  return inner === '' ? error.message : inner;
}
