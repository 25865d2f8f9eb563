import { type ErrorCode, errorTable, TalariaError } from '../../core/lib/errors.ts';

/** An error as the OpenAI API writes it, with the headers that go with it. */
export interface ErrorAnswer {
  readonly code: ErrorCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;
}

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: ErrorCode;
  };
}

/**
 * The answer for any error: its row of the table, or what the HTTP server refused before a handler ran, or
 * `internal_error`, whose message tells nothing of the inside. `x-should-retry: false` keeps the official SDKs from paying
 * for a turn again.
 */
export function errorAnswer(error: unknown): ErrorAnswer {
  const known = error instanceof TalariaError ? error : fromServer(error);
  const row = errorTable[known.code];
  const retry = row.retry && !known.effectStarted;
  const repeated = row.http === 409 || row.http === 429 || row.http >= 500;
  return {
    code: known.code,
    status: row.http,
    headers: {
      ...known.headers,
      ...(repeated || known.effectStarted ? { 'x-should-retry': String(retry) } : {}),
      ...(row.http === 429 || row.http === 503 ? { 'retry-after': String(known.retryAfterSeconds ?? 1) } : {}),
      ...(row.http === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: { error: { message: known.message, type: row.type, param: known.param, code: known.code } },
  };
}

function fromServer(error: unknown): TalariaError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = serverErrors[code];
  if (known) return new TalariaError(known[0], known[1], { cause: error });
  return new TalariaError('internal_error', 'The gateway failed; its log says why under this request id.', {
    cause: error,
    effectStarted: true,
  });
}

const brokenHeader = 'A header holds a control character or is malformed. Leave it out.';

/** What fastify and Node's HTTP parser refuse by themselves. */
const serverErrors: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'The body is larger than 10 MB. Send a smaller one.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'invalid_request',
    'The body is not JSON. Send it with Content-Type: application/json.',
  ],
  FST_ERR_CTP_EMPTY_TYPE: ['invalid_request', 'The body has no type. Send Content-Type: application/json.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid_request', 'The body is not as long as Content-Length says.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'There is nothing at this path: a part of it is too long.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The path cannot be decoded. Percent-encode it.'],
  HPE_HEADER_OVERFLOW: ['invalid_header', 'The headers together are larger than 16 KiB. Send fewer.'],
  HPE_INVALID_HEADER_TOKEN: ['invalid_header', brokenHeader],
  HPE_CR_EXPECTED: ['invalid_header', brokenHeader],
  HPE_LF_EXPECTED: ['invalid_header', brokenHeader],
  ERR_HTTP_REQUEST_TIMEOUT: ['invalid_request', 'The request did not arrive in time. Send it faster.'],
};

/** What to write to a socket whose request could not even be parsed. */
export function rawErrorResponse(error: unknown): string {
  const malformed = new TalariaError('invalid_request', 'The request is not valid HTTP.', { cause: error });
  const mapped = fromServer(error);
  const answer = errorAnswer(mapped.code === 'internal_error' ? malformed : mapped);
  const body = JSON.stringify(answer.body);
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${answer.status} Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}
