import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Default 15 000. */
  readonly timeoutMs?: number;
  /** Pause between two probes; default 20. */
  readonly intervalMs?: number;
}

/**
 * Probes until the probe returns something other than undefined, null and false, and returns that. Rejects after the
 * deadline with `description` and what the last probe returned or threw.
 */
export async function waitFor<T>(
  description: string,
  probe: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const timeoutMs = options.timeoutMs ?? 15_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { value, failure } = await attempt(probe);
    if (value !== undefined && value !== null && value !== false) return value as Exclude<T, undefined | null | false>;
    if (performance.now() >= deadline) {
      const last = failure === undefined ? `the last probe returned ${String(value)}` : describe(failure);
      throw new Error(`waited ${timeoutMs} ms in vain for: ${description} (${last})`, { cause: failure });
    }
    await delay(options.intervalMs ?? 20);
  }
}

async function attempt<T>(probe: () => T | Promise<T>): Promise<{ value?: T; failure?: unknown }> {
  try {
    return { value: await probe() };
  } catch (failure) {
    return { failure };
  }
}

function describe(failure: unknown): string {
  return `the last probe failed: ${failure instanceof Error ? failure.message : String(failure)}`;
}
