import { AsyncLocalStorage } from 'node:async_hooks';
import { toWire } from '../../core/lib/id.ts';
import type { Span } from '../tracing/tracing.ts';

/** Whose turn it is: what logs, traces and hooks tell of code that runs inside one. */
export interface BoundProfile {
  readonly agent: string;
  readonly agentUid: string;
  /** UUID; absent for a turn that is no run. */
  readonly run?: string | undefined;
  /** UUID; absent or '' for a turn without a session. */
  readonly session?: string | undefined;
}

/**
 * Runs `work` as a turn of this profile: everything that it starts and awaits sees the profile, and nothing beside it does.
 * It is for telling alone. What reads or writes state gets its agent as an argument, never from here. A `span` is what
 * `work` is a part of; without one it is what was.
 */
export function withProfile<T>(profile: BoundProfile, work: () => T, span: Span | undefined = boundSpan()): T {
  return storage.run({ profile, span }, work);
}

/** Runs `work` as a part of what this span measures. */
export function withSpan<T>(span: Span, work: () => T): T {
  return storage.run({ profile: boundProfile(), span }, work);
}

/** The profile of the turn that this code runs in; undefined outside of turns. */
export function boundProfile(): BoundProfile | undefined {
  return storage.getStore()?.profile;
}

/** What this code is a part of; undefined where nothing is traced. */
export function boundSpan(): Span | undefined {
  return storage.getStore()?.span;
}

/** The fields that a log line gets from where it is written: a new object each time. */
export function profileFields(): object {
  const bound = storage.getStore();
  if (bound === undefined) return {};
  const { profile, span } = bound;
  return {
    ...(profile === undefined ? {} : idFields(profile)),
    ...(span === undefined ? {} : { traceId: span.context.traceId }),
  };
}

/** What a log line about a run says for it to be found by, with ids in the form in which clients know them. */
export function runFields({ id, agent, session }: HeldIds): object {
  return idFields({ agent, run: id, session });
}

/** A stored run: UUIDs of itself and of its session. */
export interface HeldIds {
  readonly id: string;
  readonly agent: string;
  readonly session?: string | undefined;
}

function idFields({ agent, run, session }: Pick<BoundProfile, 'agent' | 'run' | 'session'>): object {
  return {
    agent,
    ...(run === undefined ? {} : { runId: toWire('run', run) }),
    ...(session ? { sessionId: toWire('ses', session) } : {}),
  };
}

interface Bound {
  readonly profile: BoundProfile | undefined;
  readonly span: Span | undefined;
}

const storage = new AsyncLocalStorage<Bound>();
