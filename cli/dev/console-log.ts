import pc from 'picocolors';
import { type Logger, pino } from 'pino';

/**
 * A logger for a person at a terminal: one short line per record, `12:30:01 message key=value`, on the given writer.
 * Records for an audit are nothing for a person and left out. `level` is a pino level.
 */
export function createConsoleLog(level: string, write: (line: string) => void): Logger {
  return pino({ level, base: null }, { write: (record: string) => write(formatRecord(JSON.parse(record))) });
}

function formatRecord({ time, level, msg, err, audit, ...fields }: LogRecord): string {
  if (audit === true) return '';
  const clock = pc.dim(new Date(time).toTimeString().slice(0, 8));
  const detail = Object.entries(fields).map(([key, value]) => `${pc.dim(`${key}=`)}${formatValue(value)}`);
  const cause = err === undefined ? [] : [`${pc.dim('error=')}${formatValue(err.message)}`];
  return `${[clock, colour(level)(msg), ...detail, ...cause].join(' ')}\n`;
}

function colour(level: number): (text: string) => string {
  if (level >= 50) return pc.red;
  return level >= 40 ? pc.yellow : (text) => text;
}

function formatValue(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
}

interface LogRecord {
  readonly time: number;
  readonly level: number;
  readonly msg: string;
  readonly audit?: boolean;
  readonly err?: { readonly message: string };
  readonly [field: string]: unknown;
}
