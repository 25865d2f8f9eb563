import { isRecord } from '../../crds/problem.ts';

/**
 * The newest line of a log that complains, from the level warn up when `fatalOnly` is false: its message with that of its
 * error. What is not JSON is taken as it is, when nothing else complains. '' for an empty log.
 */
export function lastWords(log: string, fatalOnly = false): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const complaints = lines.map((line) => complaintIn(line, fatalOnly ? errorLevel : warnLevel));
  return (
    complaints.findLast((complaint) => complaint !== undefined) ?? lines.findLast((line) => !isLogLine(line)) ?? ''
  );
}

/** The levels of pino. */
const warnLevel = 40;
const errorLevel = 50;

function complaintIn(line: string, level: number): string | undefined {
  const entry = parsed(line);
  if (entry === undefined || !(Number(entry.level) >= level)) return undefined;
  const error = isRecord(entry.err) && typeof entry.err.message === 'string' ? entry.err.message : '';
  return [String(entry.msg ?? ''), error].filter((part) => part !== '').join(': ');
}

function isLogLine(line: string): boolean {
  return parsed(line) !== undefined;
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isRecord(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}
