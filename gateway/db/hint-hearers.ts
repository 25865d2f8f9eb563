import { deadline } from '../../core/lib/deadline.ts';
import type { Logger } from '../../core/lib/log.ts';
import type { HintTopic } from './hint-message.ts';

/** Hears one topic and id from its making until it is disposed. */
export interface HintFollower extends Disposable {
  /**
   * Resolves at once when there was a hint since the wait before, else at the next one, when `signal` aborts, or after
   * `pollMs()` as it was at the beginning of the wait. One wait at a time; never throws.
   */
  readonly next: (signal: AbortSignal) => Promise<void>;
}

/** Who waits for hints in this process. */
export interface HintHearers {
  readonly listen: (topic: HintTopic, id: string, listener: (id: string) => void) => () => void;
  readonly follow: (topic: HintTopic, id: string) => HintFollower;
  /** Calls those who listen to this id, and those who listen to every id; the id '' calls all of the topic. */
  readonly deliver: (topic: HintTopic, id: string) => void;
  /** Calls everybody, once. */
  readonly deliverAll: () => void;
}

type Listener = (id: string) => void;
type Listeners = Map<string, Set<Listener>>;

/** Nobody waits yet. What a listener throws is logged and stops no other. */
export function createHintHearers({ pollMs, log }: { pollMs: () => number; log: Logger }): HintHearers {
  const topics = new Map<HintTopic, Listeners>();

  const listen = (topic: HintTopic, id: string, listener: Listener) => {
    const listeners = topics.get(topic) ?? new Map<string, Set<Listener>>();
    topics.set(topic, listeners);
    return addListener(listeners, id, (told) => {
      try {
        listener(told);
      } catch (error) {
        log.error({ err: error, topic }, 'a listener to hints failed');
      }
    });
  };
  const deliver = (topic: HintTopic, id: string) => {
    for (const [listener, told] of listenersTo(topics.get(topic), id)) listener(told);
  };

  return {
    listen,
    follow: (topic, id) => {
      let told = false;
      let wake: (() => void) | undefined;
      const end = listen(topic, id, () => {
        told = true;
        wake?.();
      });
      return {
        next: async (signal) => {
          using patience = deadline(pollMs(), signal);
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          patience.signal.addEventListener('abort', () => resolve(), { once: true });
          if (!told && !signal.aborted) await promise;
          told = false;
        },
        [Symbol.dispose]: end,
      };
    },
    deliver,
    deliverAll: () => {
      for (const topic of [...topics.keys()]) deliver(topic, '');
    },
  };
}

function addListener(listeners: Listeners, id: string, listener: Listener): () => void {
  const others = listeners.get(id) ?? new Set();
  listeners.set(id, others.add(listener));
  return () => {
    others.delete(listener);
    if (others.size === 0 && listeners.get(id) === others) listeners.delete(id);
  };
}

/** A copy, since a listener may end itself or begin another. */
function listenersTo(listeners: Listeners | undefined, id: string): readonly (readonly [Listener, string])[] {
  if (listeners === undefined) return [];
  if (id === '') return [...listeners].flatMap(([own, some]) => [...some].map((one) => [one, own] as const));
  return [...(listeners.get(id) ?? []), ...(listeners.get('') ?? [])].map((one) => [one, id] as const);
}
