import { TalariaError } from '../../core/lib/errors.ts';

/** The refusal of a session that is unknown, another principal's, or of an agent that the principal may not call. */
export function sessionNotFound(): TalariaError {
  return new TalariaError(
    'session_not_found',
    'No such session for this key. List its sessions with GET /v1/sessions, or start a new one.',
  );
}

/** The refusal of a turn whose session is at work on another. */
export function sessionBusy(): TalariaError {
  return new TalariaError(
    'session_busy',
    'Another turn of this session is in progress. Wait for its answer, or use another session.',
  );
}
