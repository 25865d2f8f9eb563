import type { Logger } from './log.ts';

/** What is recorded for an audit. docs/audit.md lists the fields of each. */
export type AuditEvent =
  | 'configuration.changed'
  | 'configuration.refused'
  | 'configuration.served'
  | 'run.ended'
  | 'admin.action';

/**
 * Writes one record for an audit: a log line with `audit: true`, the event and these fields, whatever the level of the
 * log, unless that is silent. Fields hold names, ids and numbers: never a secret and nothing of what was said.
 */
export function audit(log: Logger, event: AuditEvent, fields: object): void {
  auditorOf(log).info({ event, ...fields }, 'audit');
}

/** Records are no matter of how much a log is to say. */
function auditorOf(log: Logger): Logger {
  const known = auditors.get(log);
  if (known !== undefined) return known;
  const made = log.child({ audit: true }, log.level === 'silent' ? {} : { level: 'info' });
  auditors.set(log, made);
  return made;
}

const auditors = new WeakMap<Logger, Logger>();
