/**
 * Every code a Talaria API answers with: its HTTP status, its OpenAI error type and whether a client may repeat the
 * request by itself. `retry` is what `x-should-retry` says: `false` stops the official SDKs, which repeat 408, 409, 429
 * and 5xx, and so would pay a failed turn three times; `true` lets them.
 */
export const errorTable = {
  no_route: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: 'No rule of any Route matches, and no Agent is the default.',
    cure: 'Add a Route that matches, set `default: true` on one Agent, or name an Agent in `model` as `talaria/<name>`.',
  },
  model_not_found: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: 'The Agent that the request names, or whose session, run or response it names, does not exist for this key.',
    cure: '`GET /v1/models` lists those that do.',
  },
  session_not_found: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: "There is no such session for this key; another key's is as unknown as none.",
    cure: "`GET /v1/sessions` lists the key's own.",
  },
  response_not_found: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: 'There is no such response for this key, or it was deleted.',
    cure: 'Send the request without it to start anew.',
  },
  run_not_found: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: 'There is no such run for this key.',
    cure: "`GET /v1/runs` lists the key's own.",
  },
  job_not_found: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: 'There is no such CronJob for this key.',
    cure: '`GET /admin/v1/jobs` lists those that are.',
  },
  delivery_not_found: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: 'There is no such delivery for this key.',
    cure: '`GET /admin/v1/deliveries` lists those that are.',
  },
  not_found: {
    http: 404,
    type: 'invalid_request_error',
    retry: false,
    means: 'Nothing is at this path.',
    cure: '`GET /openapi.json` lists the paths.',
  },
  method_not_allowed: {
    http: 405,
    type: 'invalid_request_error',
    retry: false,
    means: 'The path does not take this method.',
    cure: 'Use one that the header `Allow` names.',
  },
  body_too_large: {
    http: 413,
    type: 'invalid_request_error',
    retry: false,
    means: 'The body is larger than 10 MB.',
    cure: 'Send a smaller one.',
  },
  agent_forbidden: {
    http: 403,
    type: 'permission_error',
    retry: false,
    means: 'A rule or the default gives the request to an Agent that this key may not call.',
    cure: 'Use a key that may, or change the Route.',
  },
  agent_suspended: {
    http: 403,
    type: 'permission_error',
    retry: false,
    means: 'The Agent has `suspend: true`.',
    cure: 'Set it to false to resume.',
  },
  account_not_shared: {
    http: 403,
    type: 'permission_error',
    retry: false,
    means: 'A rule gives a chat of an account to an Agent that does not own it.',
    cure: 'Set `shared: true` on the account, or change the rule.',
  },
  admin_required: {
    http: 403,
    type: 'permission_error',
    retry: false,
    means: 'The path is for keys of the role admin.',
    cure: 'Use a gateway key with the annotation `talaria.dev/role=admin`.',
  },
  deliver_forbidden: {
    http: 403,
    type: 'permission_error',
    retry: false,
    means: 'The key may not have results delivered.',
    cure: "Set `deliver: true` on an Agent's key, or the annotation `talaria.dev/deliver=true` on a gateway key.",
  },
  origin_refused: {
    http: 403,
    type: 'permission_error',
    retry: false,
    means: 'A web page of another origin called a gateway that needs no key.',
    cure: 'Add its origin to `cors.origins`.',
  },
  agent_not_found: {
    http: 503,
    type: 'server_error',
    retry: false,
    means: 'The Agent of a rule that matches does not exist.',
    cure: 'Create it, or change the rule.',
  },
  agent_not_ready: {
    http: 503,
    type: 'server_error',
    retry: true,
    means: 'The Agent cannot serve now, for instance because a Secret is missing.',
    cure: 'Its conditions say why: `kubectl describe agents.talaria.dev NAME`.',
  },
  route_expression_error: {
    http: 503,
    type: 'server_error',
    retry: false,
    means: 'An expression of a rule could not be evaluated for this message.',
    cure: 'Make it hold for every message, for instance with `has()`.',
  },
  state_unavailable: {
    http: 503,
    type: 'server_error',
    retry: true,
    means: 'The database, or what else the request needs, cannot be used now; nothing was done.',
    cure: 'Send it again shortly.',
  },
  overloaded: {
    http: 503,
    type: 'server_error',
    retry: true,
    means: 'This replica serves as much as it can.',
    cure: 'Send it again shortly.',
  },
  session_busy: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'The session is at work on another turn, and its Agent lets none wait or too many wait already.',
    cure: 'Send it again when that turn has ended, or use another session.',
  },
  agent_served: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'The data of an Agent is to be deleted while the Agent is served.',
    cure: 'Delete the Agent first, or ask with `while_served`.',
  },
  run_interrupted: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means:
      'The run was stopped, or a newer message of its session took its place. What had come of its answer is kept.',
    cure: 'Send it again if it is still wanted.',
  },
  idempotency_conflict: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'The Idempotency-Key came before with another path, body or routing header.',
    cure: 'Send a new key with a new request.',
  },
  idempotency_in_progress: {
    http: 409,
    type: 'invalid_request_error',
    retry: true,
    means: 'The first request with this Idempotency-Key is still at work.',
    cure: 'Send it again shortly; nothing is run twice.',
  },
  agent_replaced: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'The Agent was deleted and made again under its name after the run was accepted.',
    cure: 'Send it again to run as the new one.',
  },
  approval_not_pending: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'No such call of the run waits for an approval.',
    cure: 'Read the run to see its state.',
  },
  job_not_started: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'The CronJob was not run: its Agent does not serve, or a run of it is active and it says Forbid.',
    cure: 'The message says which: mend the Agent, or wait for the run, or stop it.',
  },
  job_suspended: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'The CronJob was not resumed: it is not paused, its spec suspends it.',
    cure: 'Set `spec.suspend: false`.',
  },
  delivery_settled: {
    http: 409,
    type: 'invalid_request_error',
    retry: false,
    means: 'The delivery is in a state in which it can be neither sent again nor given up, such as sent.',
    cure: 'Read the delivery to see its state.',
  },
  internal_error: {
    http: 500,
    type: 'server_error',
    retry: false,
    means: 'The gateway failed.',
    cure: "Its log has the error under the request's id.",
  },
  run_unknown: {
    http: 502,
    type: 'server_error',
    retry: false,
    means:
      'The worker of the run was lost after it had begun, so its outcome is not known. It is never repeated by itself.',
    cure: 'Look at the session before you send it again.',
  },
  model_failed: {
    http: 502,
    type: 'server_error',
    retry: false,
    means: 'The model could not be reached, refused, or broke off.',
    cure: 'The message says what the model server said.',
  },
  agent_conflict: {
    http: 400,
    type: 'invalid_request_error',
    retry: false,
    means: '`model` names one Agent and a matching rule another.',
    cure: "Send a `model` that is no Agent's name to follow the rule, or `talaria/<name>` to choose the Agent.",
  },
  invalid_header: {
    http: 400,
    type: 'invalid_request_error',
    retry: false,
    means: 'A header is malformed, doubled, too long, or disagrees with its alias.',
    cure: '`param` names it.',
  },
  invalid_request: {
    http: 400,
    type: 'invalid_request_error',
    retry: false,
    means: 'The body, path or query does not fit.',
    cure: '`param` names the field and the message says what it must be.',
  },
  unsupported_field: {
    http: 400,
    type: 'invalid_request_error',
    retry: false,
    means: 'The request has a field that this gateway does not act on.',
    cure: 'Leave it out; `param` names it.',
  },
  invalid_key: {
    http: 401,
    type: 'authentication_error',
    retry: false,
    means: 'The API key or token is missing, wrong or expired.',
    cure: 'Send a valid one as `Authorization: Bearer KEY`.',
  },
  no_keys_configured: {
    http: 401,
    type: 'authentication_error',
    retry: false,
    means: 'No API key is configured, so none can be right.',
    cure: 'Give an Agent one in `access.apiKeys`, or label a Secret `talaria.dev/gateway-key=true`.',
  },
  rate_limited: {
    http: 429,
    type: 'rate_limit_error',
    retry: true,
    means: 'The Agent or key has had as many requests, or runs at once, as it may.',
    cure: 'Send it again after `Retry-After` seconds.',
  },
  budget_exceeded: {
    http: 429,
    type: 'rate_limit_error',
    retry: false,
    means: 'The Agent or key has used its tokens of the day.',
    cure: 'Wait for the next day (UTC), or raise the limit.',
  },
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
  /** What happened, in a sentence for the reference. */
  readonly means: string;
  /** What to do about it. */
  readonly cure: string;
}

interface TalariaErrorOptions {
  readonly cause?: unknown;
  readonly param?: string;
  readonly effectStarted?: boolean;
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}
