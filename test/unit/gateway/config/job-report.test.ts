import { describe, expect, it } from 'vitest';
import { classOfReport, describeReport, type JobReport } from '../../../../gateway/config/job-report.ts';

const lastSlot = new Date('2026-01-01T06:00:00Z');
const missed = { kind: 'missed', lastSlot, reason: 'Forbid' } as const;
const failed = { kind: 'failed', run: 'run_1', code: 'model_failed' } as const;

describe('a report about a CronJob', () => {
  it.each<[JobReport, string, string, RegExp]>([
    [
      { ...missed, count: 1 },
      'Warning',
      'SlotMissed',
      /^The slot 2026-01-01T06:00:00Z was missed because of Forbid\.$/,
    ],
    [
      { ...missed, count: 3 },
      'Warning',
      'SlotMissed',
      /^3 slots were missed; the newest, 2026-01-01T06:00:00Z, because/,
    ],
    [{ ...failed, count: 1 }, 'Warning', 'RunFailed', /^The run run_1 failed with model_failed; /],
    [{ ...failed, count: 2 }, 'Warning', 'RunFailed', /^2 runs failed; the newest, run_1, with model_failed; /],
    [{ kind: 'halted', by: 'Failures' }, 'Warning', 'Paused', /onFailure\.suspendAfter/],
    [{ kind: 'halted', by: 'Manual' }, 'Normal', 'Paused', /by hand/],
    [{ kind: 'halted', by: 'Spec' }, 'Normal', 'Suspended', /spec/],
    [{ kind: 'resumed' }, 'Normal', 'Resumed', /not caught up/],
  ])('%j says what happened, and what people can do', (report, type, reason, note) => {
    expect(classOfReport(report)).toEqual({ type, reason });
    expect(describeReport(report)).toMatch(note);
  });
});
