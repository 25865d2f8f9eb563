import { type Logger, pino } from 'pino';

export type { Logger };

/** Paths that never reach a log line, whatever a caller passes. */
const redact = ['authorization', 'headers.authorization', 'apiKey', 'key', 'secret', 'token', 'password', '*.apiKey'];

/**
 * A logger that writes one JSON object a line to stderr. Messages are constant text and data goes in fields.
 * `level` is a pino level; `silent` writes nothing.
 */
export function createLogger(name: string, level: string): Logger {
  return pino(
    { name, level, redact: { paths: redact, censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
