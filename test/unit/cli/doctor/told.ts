import type { Finding } from '../../../../cli/doctor/finding.ts';

/** Each finding that is not ok, as `level check: cause -> cure`, a line each. */
export function told(found: readonly Finding[]): string {
  const wrong = found.filter(({ level }) => level !== 'ok');
  return wrong.map(({ level, check, cause, cure }) => `${level} ${check}: ${cause} -> ${cure}`).join('\n');
}

/** A reading that failed. */
export function failed(code: string, status = 0) {
  return { failure: { status, code, message: `it said ${code || status}` } };
}
