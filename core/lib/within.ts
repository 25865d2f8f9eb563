import { sleep } from './sleep.ts';

/** Resolves or rejects with `work`, or resolves after `ms` milliseconds; a failure after that is dropped. */
export async function within(work: Promise<unknown>, ms: number): Promise<void> {
  const patience = new AbortController();
  work.catch(() => undefined);
  try {
    await Promise.race([work, sleep(ms, patience.signal)]);
  } finally {
    patience.abort();
  }
}
