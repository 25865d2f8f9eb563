import { audit } from '../../core/lib/audit.ts';
import type { Logger } from '../../core/lib/log.ts';
import { runFields } from '../agent/bound-profile.ts';
import type { Usage } from '../agent/models/port.ts';

/** A run, as its audit record names it. Ids are UUIDs, '' or absent where there is none. */
export interface AuditedRun {
  readonly id: string;
  readonly agent: string;
  readonly session?: string | undefined;
  readonly trigger: 'api' | 'chat' | 'cron';
  /** Who asked for it, of a run of the API. */
  readonly principal?: string | undefined;
  readonly cronJob?: string | undefined;
}

/** How it ended. */
export interface RunEnd {
  /** `completed`, `failed`, `cancelled` or `unknown`. */
  readonly status: string;
  /** The error code of one that did not complete. */
  readonly code?: string | undefined;
  readonly model?: string | undefined;
  readonly usage?: Usage | undefined;
}

/** Records the end of a run, once it is stored. */
export function auditRun(log: Logger, run: AuditedRun, { status, code, model, usage }: RunEnd): void {
  const { trigger, principal, cronJob } = run;
  const { inputTokens, outputTokens } = usage ?? {};
  audit(log, 'run.ended', {
    ...{ ...runFields(run), trigger, principal, cronJob },
    ...{ status, code, model, inputTokens, outputTokens },
  });
}
