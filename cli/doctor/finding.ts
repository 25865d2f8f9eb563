/** What one check found. */
export interface Finding {
  /** Name of the check, such as `CRDs`. */
  readonly check: string;
  /** `skipped`: it could not be looked at. */
  readonly level: 'ok' | 'warn' | 'fail' | 'skipped';
  /** What there is, or what is wrong. */
  readonly cause: string;
  /** What to do about it; '' where there is nothing to do. */
  readonly cure: string;
}

/** Makes the findings of one check. */
export function findings(check: string) {
  return {
    ok: (cause: string): Finding => ({ check, level: 'ok', cause, cure: '' }),
    warn: (cause: string, cure: string): Finding => ({ check, level: 'warn', cause, cure }),
    fail: (cause: string, cure: string): Finding => ({ check, level: 'fail', cause, cure }),
    skipped: (cause: string, cure: string): Finding => ({ check, level: 'skipped', cause, cure }),
  };
}

/** A duration for people: whole seconds up to two minutes, then minutes, hours or days. */
export function roughly(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** A text as a sentence: with a capital letter and a full stop. */
export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?)]$/.test(text) ? '' : '.'}`;
}
