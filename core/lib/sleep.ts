import { setTimeout as delay } from 'node:timers/promises';

/** Waits `ms` milliseconds or until `signal` aborts, whichever is first. Never throws; keeps the process alive. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
