import { toWire } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { untilStored } from '../../core/lib/until-stored.ts';
import { runFields, withProfile } from '../agent/bound-profile.ts';
import { isOutOfTime } from '../db/unavailable.ts';
import { auditRun } from '../runs/audit-run.ts';
import { contextOfRun, traceOfRun } from '../tracing/trace-context.ts';
import type { Span, Tracing } from '../tracing/tracing.ts';
import { queueAgain } from '../worker/queue-again.ts';
import { type AttemptResult, attemptRun, type ExecuteOptions } from './attempt.ts';
import type { JobRun } from './job-run.ts';

/**
 * Executes one claimed run as its own Agent, from preflight to its stored end, and never throws. `signal` aborts with
 * RunStopped when the run is to be cancelled, and with anything else when the worker may not go on: then nothing is
 * written and the run is left to be reaped. `gaveUp` ends the attempts to store what came of the run.
 */
export async function executeJobRun(
  options: TracedOptions,
  run: JobRun,
  signal: AbortSignal,
  gaveUp: AbortSignal,
): Promise<void> {
  const { tracing } = options;
  const span = tracing && beginRunSpan(tracing, run);
  const profile = { agent: run.agent, agentUid: run.agentUid, run: run.id };
  const result = await withProfile(profile, () => execute(options, run, signal, gaveUp), span);
  // One that was busy is the same attempt, and the same span, when its time has come.
  if (result.kind !== 'busy') span?.end(failureOf(result));
}

export interface TracedOptions extends ExecuteOptions {
  readonly tracing?: Tracing | undefined;
}

/** The first span of the run's own trace; of a later attempt one inside of that. */
function beginRunSpan(tracing: Tracing, run: JobRun): Span {
  const { job } = run.input;
  const start = {
    name: `run ${job.name}`,
    kind: 'internal',
    attributes: {
      'talaria.cronjob': job.name,
      'talaria.slot': run.slot.toISOString(),
      'talaria.run.id': toWire('run', run.id),
      'talaria.run.attempt': run.attempt,
    },
  } as const;
  if (run.attempt === 1) return tracing.begin(start, traceOfRun(run.id));
  return tracing.continue(contextOfRun(tracing, run.id, undefined), start);
}

function failureOf(result: AttemptResult): string | undefined {
  if (result.kind === 'failed') return result.failure.code;
  return result.kind === 'ended' ? undefined : result.kind;
}

async function execute(
  options: ExecuteOptions,
  run: JobRun,
  signal: AbortSignal,
  gaveUp: AbortSignal,
): Promise<AttemptResult> {
  const { log } = options;
  const about = { ...runFields(run), cronJob: run.input.job.name, attempt: run.attempt };
  const result = await attemptRun(options, run, signal);
  if (result.kind === 'failed') log.warn({ ...about, err: result.failure }, 'a scheduled run failed');
  try {
    const stored = await storeWhateverItTakes(options, run, result, gaveUp);
    if (hasOutbox(result)) options.onOutbox();
    if (stored === 'completed' || stored === 'failed' || stored === 'cancelled') auditJobRun(log, run, stored, result);
    if (stored === 'lost') log.warn(about, 'a run ended after it was taken from this worker; nothing of it is sent');
  } catch (error) {
    log.error({ ...about, err: error }, 'what came of a scheduled run could not be stored');
  }
  return result;
}

function auditJobRun(log: Logger, run: JobRun, status: string, result: AttemptResult): void {
  const ending = 'ending' in result ? result.ending : undefined;
  const turn = ending?.status === 'completed' ? ending : ending?.status === 'failed' ? ending.turn : undefined;
  const code = status === 'failed' && ending?.status === 'failed' ? ending.code : undefined;
  const about = { id: run.id, agent: run.agent, trigger: 'cron', cronJob: run.input.job.name } as const;
  auditRun(log, about, { status, code, model: turn?.model, usage: turn?.usage });
}

/** A result that the database could not store in time this often is cut: a slot that never ends holds up all later ones. */
const mostTimeouts = 3;

async function storeWhateverItTakes(
  options: ExecuteOptions,
  run: JobRun,
  whole: AttemptResult,
  gaveUp: AbortSignal,
): Promise<string> {
  let result = whole;
  let timeouts = 0;
  return await untilStored(async () => {
    try {
      return await store(options, run, result);
    } catch (error) {
      if (isOutOfTime(error)) timeouts += 1;
      if (timeouts >= mostTimeouts && 'cut' in result && result.cut !== undefined) {
        options.log.warn({ ...runFields(run), err: error }, 'the result of a run is cut: storing it takes too long');
        const { cut, ...rest } = result;
        result = { ...rest, ending: cut() };
      }
      throw error;
    }
  }, gaveUp);
}

function hasOutbox(result: AttemptResult): boolean {
  const ending = result.kind === 'ended' || result.kind === 'failed' ? result.ending : undefined;
  return ending !== undefined && ending.status !== 'cancelled' && ending.outbox.length > 0;
}

async function store(options: ExecuteOptions, run: JobRun, result: AttemptResult): Promise<string> {
  switch (result.kind) {
    case 'abandoned':
      return 'abandoned';
    case 'ended':
      return await options.finishRun(run, result.ending);
    case 'failed':
      return await storeFailure(options, run, result);
    case 'busy':
      await queueAgain(options.database, run, { delaySeconds: busySeconds, sameAttempt: true });
      return 'queued';
  }
}

/** How long a run waits for the other run of its named session before it looks again. */
const busySeconds = 2;
const longestBackoffSeconds = 3_600;

/** Another attempt of the same run, only while no call of a model or a tool was made. */
async function storeFailure(
  { database, finishRun }: ExecuteOptions,
  run: JobRun,
  { failure, effects, ending }: Extract<AttemptResult, { kind: 'failed' }>,
): Promise<string> {
  if (effects || run.attempt >= run.maxAttempts) return await finishRun(run, ending);
  const { backoffSeconds } = run.input.job.retry;
  const delaySeconds = Math.min(backoffSeconds * 2 ** (run.attempt - 1), longestBackoffSeconds);
  const queued = await queueAgain(database, run, { delaySeconds, sameAttempt: false, failure });
  return queued ? 'queued' : await finishRun(run, ending);
}
