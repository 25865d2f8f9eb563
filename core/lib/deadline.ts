/** When work must end: with `parent`, or by itself when the time is over. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  /**
   * Aborts when the work must end. It is made when it is first asked for: most work ends long before, and a signal with
   * its timer costs more than many a piece of work.
   */
  readonly signal: AbortSignal;
  readonly parent: AbortSignal | undefined;
  /** Of its own time; 0 when that is over. */
  readonly remainingMs: () => number;
  /** True when the time ran out, as opposed to an abort of `parent`. */
  readonly expired: () => boolean;
  readonly isOver: () => boolean;
  /** Why it is over: the parent's reason, or a DOMException `TimeoutError`. */
  readonly reason: () => unknown;
  /** Throws the reason once it is over. */
  readonly throwIfOver: () => void;
}

/** A deadline `ms` milliseconds from now. The timer of its signal keeps the process alive until it is disposed. */
export function deadline(ms: number, parent?: AbortSignal): Deadline {
  const endsAt = performance.now() + ms;
  let opened: OpenedSignal | undefined;
  let disposed = false;
  let timeout: DOMException | undefined;
  const limit: Deadline = {
    get signal() {
      opened ??= openSignal(limit);
      // Whoever asks so late gets it, and leaves no timer behind.
      if (disposed) opened.close();
      return opened.signal;
    },
    parent,
    remainingMs: () => Math.max(0, endsAt - performance.now()),
    // A timer may fire a moment early; what it has ended stays ended.
    expired: () => !parent?.aborted && (performance.now() >= endsAt || opened?.signal.aborted === true),
    isOver: () => parent?.aborted === true || limit.expired(),
    reason: () => {
      if (parent?.aborted) return parent.reason;
      timeout ??= new DOMException('the deadline passed', 'TimeoutError');
      return timeout;
    },
    throwIfOver: () => {
      if (limit.isOver()) throw limit.reason();
    },
    [Symbol.dispose]: () => {
      disposed = true;
      opened?.close();
    },
  };
  return limit;
}

interface OpenedSignal {
  readonly signal: AbortSignal;
  readonly close: () => void;
}

function openSignal({ parent, remainingMs, isOver, reason }: Deadline): OpenedSignal {
  const controller = new AbortController();
  const end = () => controller.abort(reason());
  if (isOver()) end();
  const timer = setTimeout(end, remainingMs());
  parent?.addEventListener('abort', end, { once: true });
  return {
    signal: controller.signal,
    close: () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', end);
    },
  };
}
