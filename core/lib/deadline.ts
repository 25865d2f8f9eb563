/** A signal that aborts with `parent`, or by itself when the time is over. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** True when the time ran out, as opposed to an abort of `parent`. */
  readonly expired: () => boolean;
}

/** A deadline `ms` milliseconds from now. Its timer keeps the process alive until it is disposed. */
export function deadline(ms: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  let expired = false;
  const expire = () => {
    expired = true;
    controller.abort(new DOMException('the deadline passed', 'TimeoutError'));
  };
  const follow = () => controller.abort(parent?.reason);
  const timer = setTimeout(expire, ms);
  if (parent?.aborted) follow();
  else parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    expired: () => expired,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      parent?.removeEventListener('abort', follow);
    },
  };
}
