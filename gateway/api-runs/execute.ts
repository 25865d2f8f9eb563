import type { Clock } from '../../core/lib/clock.ts';
import { TalariaError } from '../../core/lib/errors.ts';
import { toWire } from '../../core/lib/id.ts';
import type { Logger } from '../../core/lib/log.ts';
import { untilStored } from '../../core/lib/until-stored.ts';
import { type Resolution, resolveRun } from '../../core/route/resolve.ts';
import { runFields, withProfile } from '../agent/bound-profile.ts';
import type { RunTurn, TurnResult } from '../agent/turn.ts';
import type { Hints } from '../db/hints.ts';
import type { Database } from '../db/pool.ts';
import type { Limits } from '../limits/limits.ts';
import { countTokens, type Permit } from '../limits/permit.ts';
import { awaitApproval } from '../runs/approvals.ts';
import { createEventRecorder, type EventRecorder } from '../runs/events/record-events.ts';
import { toRunEvent } from '../runs/events/run-event.ts';
import { RunStopped } from '../runs/request-stop.ts';
import { toMessages } from '../sessions/items.ts';
import { readHistory } from '../sessions/read-history.ts';
import { contextOfRun } from '../tracing/trace-context.ts';
import type { Span, Tracing } from '../tracing/tracing.ts';
import type { TurnFinisher } from '../turns/finish-turn.ts';
import { conversation } from '../turns/history.ts';
import { completedOutcome, endingOf, type TurnOutcome } from '../turns/outcome.ts';
import { createProgress, type Progress } from '../turns/progress.ts';
import { queueAgain } from '../worker/queue-again.ts';
import type { RecordEffects } from '../worker/record-effects.ts';
import type { Attempt } from '../worker/worker.ts';
import type { ApiRun } from './claim.ts';

export interface ExecuteApiRunOptions {
  readonly database: Database;
  readonly hints: Pick<Hints, 'tell' | 'follow'>;
  readonly runTurn: RunTurn;
  readonly limits: Limits;
  readonly finisher: TurnFinisher;
  readonly recordEffects: RecordEffects;
  readonly tracing?: Tracing | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Executes one claimed run as its own Agent to its stored end, with its events, and never throws. */
export async function executeApiRun(options: ExecuteApiRunOptions, run: ApiRun, attempt: Attempt): Promise<void> {
  const { tracing } = options;
  const { agent, agentUid, session } = run;
  const span = tracing && beginRunSpan(tracing, run);
  const profile = { agent, agentUid, run: run.id, session };
  const outcome = await withProfile(profile, () => execute(options, run, attempt), span);
  // One that waits again is told when its time has come.
  if (outcome !== undefined) span?.end(outcome.status === 'completed' ? undefined : outcome.errorCode);
}

function beginRunSpan(tracing: Tracing, run: ApiRun): Span {
  const attributes = { 'talaria.run.id': toWire('run', run.id), 'talaria.run.attempt': run.attempt };
  return tracing.continue(contextOfRun(tracing, run.id, run.trace), { name: 'run', kind: 'consumer', attributes });
}

async function execute(options: ExecuteApiRunOptions, run: ApiRun, attempt: Attempt): Promise<TurnOutcome | undefined> {
  const { hints, finisher, log } = options;
  const about = { ...runFields(run), attempt: run.attempt };
  const events = createEventRecorder({ ...options, run, gaveUp: attempt.gaveUp });
  const progress = createProgress((event) => {
    const told = toRunEvent(event);
    return told && events.record(told);
  });
  try {
    const outcome = await attemptTurn(options, run, { attempt, events, progress });
    if (outcome === undefined) return undefined;
    await events.flush();
    const { id, worker, attempt: number } = run;
    const whose = { agent: run.agent, session: run.session, trigger: 'api', principal: run.principal } as const;
    const held = await finisher.finish({ run: id, worker, attempt: number, ...outcome, about: whose });
    if (!held) log.warn(about, 'a run ended after it was taken from this worker; its result is lost');
    return outcome;
  } catch (error) {
    log.error({ ...about, err: error }, 'what came of a run could not be stored');
    return undefined;
  } finally {
    hints.tell('run', run.id);
    hints.tell('events', run.id);
  }
}

interface Doing {
  readonly attempt: Attempt;
  readonly events: EventRecorder;
  readonly progress: Progress;
}

/** Undefined: the run waits again, or is left to be reaped. */
async function attemptTurn(options: ExecuteApiRunOptions, run: ApiRun, doing: Doing): Promise<TurnOutcome | undefined> {
  const { signal } = doing.attempt;
  try {
    const resolution = preflight(run, doing.attempt);
    const ofKey = run.limits === undefined ? {} : { limits: run.limits };
    const principal = { id: run.principal, role: 'client', agents: [run.agent], ...ofKey } as const;
    const permit = await untilStored(() => options.limits.tryAcquire(resolution.agent, principal, 'run'), signal);
    if (permit === undefined) {
      await queueAgain(options.database, run, { delaySeconds: busySeconds, sameAttempt: true });
      return undefined;
    }
    const result = await permitted(options, run, resolution, permit, doing);
    return completedOutcome(run, { ...run.content, table: doing.attempt.table }, result, options.clock.now());
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    if (reason instanceof RunStopped) return endingOf(reason, doing.progress);
    if (signal.aborted) return undefined;
    options.log.warn({ ...runFields(run), err: error }, 'a run failed');
    return endingOf(error, doing.progress);
  }
}

/** How long a run waits for a place among those of its agent before it looks again. */
const busySeconds = 1;

/** Checks that the run's own Agent serves; one that was deleted and made again under the name is another. */
function preflight(run: ApiRun, { table }: Attempt): Resolution {
  const resolution = resolveRun(table.routes, run.agent);
  if (resolution.kind === 'refused') throw new TalariaError(resolution.code, resolution.message);
  if (resolution.agent.uid === run.agentUid) return resolution;
  const message = `Agent "${run.agent}" was deleted and made again after the run was accepted. Send it again.`;
  throw new TalariaError('agent_replaced', message);
}

async function permitted(
  { database, hints, runTurn, recordEffects }: ExecuteApiRunOptions,
  run: ApiRun,
  resolution: Resolution,
  permit: Permit,
  { attempt, events, progress }: Doing,
): Promise<TurnResult> {
  const { signal, table } = attempt;
  const { agent } = resolution;
  try {
    const history = await untilStored(() => readHistory(database, run, agent.sessions.maxHistoryMessages), signal);
    return await runTurn({
      resolution,
      table,
      run: run.id,
      session: run.session,
      messages: toMessages(conversation(history, agent, run.content)),
      instructions: run.content.instructions,
      tools: run.content.tools,
      parameters: run.content.parameters,
      signal,
      onEvent: progress.onEvent,
      onUsage: countTokens(permit),
      onEffect: async () => {
        const recorded = await untilStored(() => recordEffects(run, undefined), signal);
        // The worker has not heard yet. A run that was taken from it instead is not its to end, and stays as it is.
        if (!recorded) throw new RunStopped('the run was asked to stop');
        attempt.onBegun();
        await events.record({ type: 'run.started', data: { attempt: run.attempt } });
      },
      askApproval: async (call) => {
        const { name, arguments: written } = call.function;
        const timeoutSeconds = agent.sessions.approvalTimeoutSeconds;
        await events.record({ type: 'approval.requested', data: { call_id: call.id, name, arguments: written } });
        const decision = await awaitApproval({ database, hints }, run, call, { timeoutSeconds, signal });
        await events.record({ type: 'approval.decided', data: { call_id: call.id, decision } });
        return decision;
      },
    });
  } finally {
    permit.release();
  }
}
