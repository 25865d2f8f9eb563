import { TalariaError } from '../../core/lib/errors.ts';

/** Why a scheduled run failed; `code` is stored with the run, the message names the cure and no secret. */
export class RunFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RunFailure';
    this.code = code;
  }
}

/** The failure behind whatever was thrown; an unforeseen error keeps its text out of the run. */
export function asRunFailure(error: unknown): RunFailure {
  if (error instanceof RunFailure) return error;
  if (error instanceof TalariaError) return new RunFailure(error.code, error.message, error.cause);
  return new RunFailure('internal_error', 'the run failed by a fault of the gateway; its log has the error', error);
}
