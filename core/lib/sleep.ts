/** Waits `ms` milliseconds or until `signal` aborts, whichever is first. Never throws; keeps the process alive. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const finish = () => resolve();
  // The global timer and not node:timers/promises, which tests with a fake clock cannot move.
  const timer = setTimeout(finish, ms);
  signal.addEventListener('abort', finish, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', finish);
}
