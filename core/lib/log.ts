import { type Logger, pino } from 'pino';

export type { Logger };

/** Paths that never reach a log line, whatever a caller passes. */
const redact = ['authorization', 'headers.authorization', 'apiKey', 'key', 'secret', 'token', 'password', '*.apiKey'];

/**
 * A logger that writes one JSON object a line to stderr. Messages are constant text and data goes in fields. Lines are
 * written in the background, in order, within 50 ms; what is left is written when the process exits. `level` is a pino level; `silent`
 * writes nothing. `bound` gives further fields of every line, a new object each time;
 * the line's own fields come before them.
 */
export function createLogger(name: string, level: string, bound?: () => object): Logger {
  const flushing = level === 'silent' ? {} : { minLength: fewestCharacters, periodicFlush: 50 };
  const destination = pino.destination({ dest: 2, sync: false, ...flushing });
  process.once('exit', () => destination.flushSync());
  return pino(
    {
      name,
      level,
      redact: { paths: redact, censor: '[redacted]' },
      timestamp: isoTime,
      ...(bound ? { mixin: bound } : {}),
    },
    destination,
  );
}

/** Of one write. The destination throws for 16,384 and more, which is its longest. */
const fewestCharacters = 16_000;

let lastTime = 0;
let lastMember = '';

/** The member that tells the time in ISO 8601; many lines are written in one millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastTime) {
    lastTime = now;
    lastMember = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastMember;
}
