import { KubeError } from '../../core/kube/kube-error.ts';
import { type Finding, findings } from './finding.ts';

/** What was read, or why it could not be. */
export type Reading<T> = { readonly value: T } | { readonly failure: Failure };

export interface Failure {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Such as `ECONNREFUSED`, `CERT_HAS_EXPIRED` or `invalid_key`; '' when there is none. */
  readonly code: string;
  readonly message: string;
}

/** Waits for something that is read. Never rejects. */
export async function reading<T>(work: Promise<T>): Promise<Reading<T>> {
  try {
    return { value: await work };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

/** The value of a reading; undefined when it failed. */
export function valueIn<T>(from: Reading<T>): T | undefined {
  return 'value' in from ? from.value : undefined;
}

/** A check that cannot be made because something could not be read. */
export function unread(check: string, what: string, { status, message }: Failure): Finding {
  if (status !== 403)
    return findings(check).fail(`${what} cannot be read: ${message}`, 'See whether kubectl reads it.');
  return findings(check).skipped(`${what} cannot be read by your account.`, `Let it, or ask somebody who may.`);
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { status: 0, code: '', message: String(error) };
  const code = codeOf(error) || codeOf(error.cause);
  return { status: error instanceof KubeError ? error.status : 0, code, message: error.message };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
