/** One field that the API server complained about. */
export interface KubeErrorCause {
  readonly reason?: string;
  readonly message?: string;
  /** Path such as `.spec.rules[name="a"].port`. */
  readonly field?: string;
}

/**
 * A request to the API server that failed. `status` is the HTTP status, the code inside an ERROR event of a watch, or 0
 * when no answer came (refused, reset, deadline, garbage). `terminal`: the same request can never succeed, so it must
 * not be repeated.
 */
export class KubeError extends Error {
  readonly status: number;
  /** The server's reason (`NotFound`, `Conflict`, `Expired`...), or `Connection`, `Deadline`, `Aborted`, `BadAnswer`. */
  readonly reason: string;
  readonly causes: readonly KubeErrorCause[];
  readonly terminal: boolean;
  /** How long the server asked to wait, when it did. */
  readonly retryAfterMs: number | undefined;

  constructor(fields: KubeErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'KubeError';
    this.status = fields.status;
    this.reason = fields.reason;
    this.causes = fields.causes ?? [];
    this.terminal = isTerminal(fields.status, fields.message);
    this.retryAfterMs = fields.retryAfterMs;
  }
}

export interface KubeErrorFields {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly causes?: readonly KubeErrorCause[] | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** True for a KubeError of this HTTP status. */
export function hasStatus(error: unknown, status: number): error is KubeError {
  return error instanceof KubeError && error.status === status;
}

/** True when the resourceVersion asked for is too old (HTTP 410 or an ERROR event with code 410): list again. */
export function isExpired(error: unknown): error is KubeError {
  return hasStatus(error, 410);
}

/** True when a write lost against another writer (409 Conflict), as opposed to 409 AlreadyExists. */
export function isConflict(error: unknown): error is KubeError {
  return hasStatus(error, 409) && error.reason !== 'AlreadyExists';
}

const terminalStatuses: readonly number[] = [400, 405, 406, 413, 415, 422];

/** Server-side apply answers 500 to an unknown field and to a doubled key of a list map: no retry can cure either. */
function isTerminal(status: number, message: string): boolean {
  if (terminalStatuses.includes(status)) return true;
  return status === 500 && /field not declared in schema|duplicate entries for key/.test(message);
}
