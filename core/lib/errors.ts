/**
 * Every code a Talaria API answers with: its HTTP status, its OpenAI error type and whether a client may repeat the
 * request by itself. `retry` is what `x-should-retry` says: `false` stops the official SDKs, which repeat 408, 409, 429
 * and 5xx, and so would pay a failed turn three times; `true` lets them.
 */
export const errorTable = {
  no_route: { http: 404, type: 'invalid_request_error', retry: false },
  model_not_found: { http: 404, type: 'invalid_request_error', retry: false },
  session_not_found: { http: 404, type: 'invalid_request_error', retry: false },
  response_not_found: { http: 404, type: 'invalid_request_error', retry: false },
  run_not_found: { http: 404, type: 'invalid_request_error', retry: false },
  not_found: { http: 404, type: 'invalid_request_error', retry: false },
  method_not_allowed: { http: 405, type: 'invalid_request_error', retry: false },
  body_too_large: { http: 413, type: 'invalid_request_error', retry: false },
  agent_forbidden: { http: 403, type: 'permission_error', retry: false },
  agent_suspended: { http: 403, type: 'permission_error', retry: false },
  account_not_shared: { http: 403, type: 'permission_error', retry: false },
  admin_required: { http: 403, type: 'permission_error', retry: false },
  origin_refused: { http: 403, type: 'permission_error', retry: false },
  agent_not_found: { http: 503, type: 'server_error', retry: false },
  agent_not_ready: { http: 503, type: 'server_error', retry: true },
  route_expression_error: { http: 503, type: 'server_error', retry: false },
  state_unavailable: { http: 503, type: 'server_error', retry: true },
  overloaded: { http: 503, type: 'server_error', retry: true },
  session_busy: { http: 409, type: 'invalid_request_error', retry: false },
  run_interrupted: { http: 409, type: 'invalid_request_error', retry: false },
  idempotency_conflict: { http: 409, type: 'invalid_request_error', retry: false },
  idempotency_in_progress: { http: 409, type: 'invalid_request_error', retry: true },
  agent_replaced: { http: 409, type: 'invalid_request_error', retry: false },
  approval_not_pending: { http: 409, type: 'invalid_request_error', retry: false },
  internal_error: { http: 500, type: 'server_error', retry: false },
  run_unknown: { http: 502, type: 'server_error', retry: false },
  model_failed: { http: 502, type: 'server_error', retry: false },
  agent_conflict: { http: 400, type: 'invalid_request_error', retry: false },
  invalid_header: { http: 400, type: 'invalid_request_error', retry: false },
  invalid_request: { http: 400, type: 'invalid_request_error', retry: false },
  unsupported_field: { http: 400, type: 'invalid_request_error', retry: false },
  invalid_key: { http: 401, type: 'authentication_error', retry: false },
  no_keys_configured: { http: 401, type: 'authentication_error', retry: false },
  rate_limited: { http: 429, type: 'rate_limit_error', retry: true },
  budget_exceeded: { http: 429, type: 'rate_limit_error', retry: false },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** A failure with a stable code. `message` says what happened, what was got, and the cure; it never holds a secret. */
export class TalariaError extends Error {
  readonly code: ErrorCode;
  /** The request field or header at fault, or null. */
  readonly param: string | null;
  /** True once a model or tool call may have been made: the client must not repeat by itself. */
  readonly effectStarted: boolean;
  /** When the same request may do better; undefined where nothing is known of it. */
  readonly retryAfterSeconds: number | undefined;
  /** Headers of the answer besides those of every error. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: TalariaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TalariaError';
    this.code = code;
    this.param = options.param ?? null;
    this.effectStarted = options.effectStarted ?? false;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
  }
}

interface ErrorRow {
  readonly http: number;
  readonly type: string;
  readonly retry: boolean;
}

interface TalariaErrorOptions {
  readonly cause?: unknown;
  readonly param?: string;
  readonly effectStarted?: boolean;
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}
