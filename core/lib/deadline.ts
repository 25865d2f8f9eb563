/** When work must end: with `parent`, or by itself when the time is over, whichever is first. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  /**
   * Aborts when the work must end. It is made when it is first asked for: most work ends long before, and a signal with
   * its timer costs more than many a piece of work.
   */
  readonly signal: AbortSignal;
  /** What ends the work before its time; absent for work that has its time alone. */
  readonly parent: AbortSignal | undefined;
  /** Of its own time; 0 when that is over. */
  readonly remainingMs: () => number;
  /** Whether the work must have ended; it stays so. */
  readonly isOver: () => boolean;
  /** True when the time ran out, as opposed to an abort of `parent`. */
  readonly expired: () => boolean;
  /** Why it is over: the parent's reason, or a DOMException `TimeoutError`; undefined before. */
  readonly reason: () => unknown;
  /** Throws the reason once it is over. */
  readonly throwIfOver: () => void;
}

/** A deadline `ms` milliseconds from now. The timer of its signal keeps the process alive until it is disposed. */
export function deadline(ms: number, parent?: AbortSignal): Deadline {
  const endsAt = performance.now() + ms;
  let cause: 'time' | 'parent' | undefined;
  let timeout: DOMException | undefined;
  let opened: OpenedSignal | undefined;
  let disposed = false;
  const causeNow = () => {
    if (parent?.aborted) cause ??= 'parent';
    else if (performance.now() >= endsAt) cause ??= 'time';
    return cause;
  };
  const reason = () => {
    if (causeNow() === 'parent') return parent?.reason;
    if (cause === 'time') timeout ??= new DOMException('the deadline passed', 'TimeoutError');
    return timeout;
  };
  const remainingMs = () => Math.max(0, endsAt - performance.now());
  const open = (): OpenedSignal => {
    const controller = new AbortController();
    const end = () => controller.abort(reason());
    // A timer may fire a moment early; what it has ended is over.
    const expire = () => {
      cause ??= 'time';
      end();
    };
    if (causeNow() !== undefined) end();
    const timer = setTimeout(expire, remainingMs());
    parent?.addEventListener('abort', end, { once: true });
    const close = () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', end);
    };
    // Whoever asks so late gets a signal that leaves nothing behind.
    if (disposed) close();
    return { signal: controller.signal, close };
  };
  return {
    get signal() {
      opened ??= open();
      return opened.signal;
    },
    parent,
    remainingMs,
    isOver: () => causeNow() !== undefined,
    expired: () => causeNow() === 'time',
    reason,
    throwIfOver: () => {
      if (causeNow() !== undefined) throw reason();
    },
    [Symbol.dispose]: () => {
      disposed = true;
      opened?.close();
    },
  };
}

interface OpenedSignal {
  readonly signal: AbortSignal;
  readonly close: () => void;
}
