import { newId, toWire } from '../../core/lib/id.ts';
import type { DeliverTarget } from '../../core/snapshot/schema.ts';
import type { JobRun } from '../job-runs/job-run.ts';
import type { TargetId } from './signing-secrets.ts';

/** How a scheduled run ended, as its targets are told. */
export type RunEnding =
  | { readonly outcome: 'completed'; readonly text: string }
  | { readonly outcome: 'failed'; readonly code: string; readonly message: string };

/** A row of `deliveries`, its members named as the columns are. `expire_after_seconds` counts from its insertion. */
export interface OutboxRow {
  readonly id: string;
  readonly target: TargetId;
  readonly part: number;
  readonly parts: number;
  readonly line: string;
  readonly kind: 'webhook' | 'log' | 'account';
  readonly destination: object;
  readonly data: DeliveryBody;
  readonly status: 'pending' | 'suppressed' | 'dead';
  readonly last_error: string;
  readonly expire_after_seconds: number;
}

/** What a webhook posts; `timestamp` is when the run ended, so that every attempt sends the same bytes. */
export interface DeliveryBody {
  readonly type: 'talaria.run.completed';
  readonly timestamp: string;
  readonly data: {
    readonly agent: string;
    /** Absent of a run that a request asked for. */
    readonly cronJob?: string;
    readonly runId: string;
    readonly scheduledTime?: string;
    readonly outcome: RunEnding['outcome'];
    readonly text: string;
    readonly part: number;
    readonly parts: number;
  };
}

/** What a run sends: its text to `deliver`, or its error to `onFailure.deliver`. */
export function outboxRows(run: JobRun, ending: RunEnding, now: number): OutboxRow[] {
  const { job } = run.input;
  const silent = ending.outcome === 'completed' && ending.text.trim() === job.silenceMarker;
  const [list, targets] =
    ending.outcome === 'completed'
      ? (['deliver', job.deliver] as const)
      : (['failure', job.onFailure.deliver] as const);
  return targets.map((target) => outboxRow(run, `${list}/${target.name}`, target, bodyOf(run, ending, now), silent));
}

/** What a request may ask its result to be delivered to. */
export interface RequestedTarget {
  readonly log: true;
}

/** What a completed run of a request sends. */
export function requestOutboxRows(
  run: { readonly id: string; readonly agent: string },
  targets: readonly RequestedTarget[],
  text: string,
  now: number,
): OutboxRow[] {
  const runId = toWire('run', run.id);
  const data = { agent: run.agent, runId, outcome: 'completed', text, part: 1, parts: 1 } as const;
  return targets.map((_, at) => ({
    id: newId(),
    target: `deliver/${at}`,
    part: 1,
    parts: 1,
    line: `${runId}/deliver/${at}`,
    kind: 'log',
    destination: {},
    data: { type: 'talaria.run.completed', timestamp: new Date(now).toISOString(), data },
    status: 'pending',
    last_error: '',
    expire_after_seconds: expireAfterSeconds,
  }));
}

/** As CronJobs have it by default. */
const expireAfterSeconds = 24 * 3_600;

function outboxRow(run: JobRun, id: TargetId, target: DeliverTarget, data: DeliveryBody, silent: boolean): OutboxRow {
  return {
    id: newId(),
    target: id,
    part: 1,
    parts: 1,
    line: `${run.jobUid}/${id}`,
    data,
    expire_after_seconds: target.expireAfterSeconds,
    ...destinationOf(target),
    ...(silent ? { status: 'suppressed', last_error: '' } : {}),
  };
}

function destinationOf(target: DeliverTarget): Pick<OutboxRow, 'kind' | 'destination' | 'status' | 'last_error'> {
  if (target.webhook !== undefined) {
    return { kind: 'webhook', destination: target.webhook, status: 'pending', last_error: '' };
  }
  if (target.log === true) return { kind: 'log', destination: {}, status: 'pending', last_error: '' };
  const { account, chatId, threadId } = target;
  return {
    kind: 'account',
    destination: { account, chatId, threadId },
    status: 'dead',
    last_error: 'this version does not deliver to chat accounts; use a webhook or the log',
  };
}

function bodyOf(run: JobRun, ending: RunEnding, now: number): DeliveryBody {
  const { job } = run.input;
  const text =
    ending.outcome === 'completed' ? ending.text : `CronJob ${job.name} failed: ${ending.code}: ${ending.message}`;
  return {
    type: 'talaria.run.completed',
    timestamp: new Date(now).toISOString(),
    data: {
      agent: run.agent,
      cronJob: job.name,
      runId: toWire('run', run.id),
      scheduledTime: run.slot.toISOString(),
      outcome: ending.outcome,
      text,
      part: 1,
      parts: 1,
    },
  };
}
