/** Something that happened to a CronJob and that people should hear of, apart from its status. */
export type JobReport =
  /** Slots that were missed, one at least, those of suspensions aside. `reason` is that of the newest, such as `Forbid`. */
  | { readonly kind: 'missed'; readonly count: number; readonly lastSlot: Date; readonly reason: string }
  /** Runs that failed or whose outcome is unknown, one at least; `run` and `code` are those of the newest. */
  | { readonly kind: 'failed'; readonly count: number; readonly run: string; readonly code: string }
  /** It starts no slots any more: after failures, by hand, or by its spec. */
  | { readonly kind: 'halted'; readonly by: 'Failures' | 'Manual' | 'Spec' }
  | { readonly kind: 'resumed' };

/** A sentence for people, such as `2 slots were missed; the newest, 2026-01-01T00:00:00Z, because of Forbid.` */
export function describeReport(report: JobReport): string {
  switch (report.kind) {
    case 'missed':
      return describeMisses(report);
    case 'failed':
      return describeFailures(report);
    case 'halted':
      return halted[report.by].note;
    case 'resumed':
      return 'It starts its slots again; those that were due meanwhile are not caught up.';
  }
}

/** How a report is filed: what a Kubernetes Event calls type and reason. */
export function classOfReport(report: JobReport): { readonly type: 'Normal' | 'Warning'; readonly reason: string } {
  switch (report.kind) {
    case 'missed':
      return { type: 'Warning', reason: 'SlotMissed' };
    case 'failed':
      return { type: 'Warning', reason: 'RunFailed' };
    case 'halted':
      return { type: halted[report.by].type, reason: halted[report.by].reason };
    case 'resumed':
      return { type: 'Normal', reason: 'Resumed' };
  }
}

const halted = {
  Failures: {
    type: 'Warning',
    reason: 'Paused',
    note: 'It was paused after onFailure.suspendAfter failures in a row; change its spec or resume it by hand.',
  },
  Manual: { type: 'Normal', reason: 'Paused', note: 'It was paused by hand; resume it by hand.' },
  Spec: { type: 'Normal', reason: 'Suspended', note: 'Its spec suspends it.' },
} as const;

function describeMisses({ count, reason, lastSlot }: Extract<JobReport, { kind: 'missed' }>): string {
  const slot = lastSlot.toISOString().replace('.000Z', 'Z');
  if (count === 1) return `The slot ${slot} was missed because of ${reason}.`;
  return `${count} slots were missed; the newest, ${slot}, because of ${reason}.`;
}

function describeFailures({ count, run, code }: Extract<JobReport, { kind: 'failed' }>): string {
  if (count === 1) return `The run ${run} failed with ${code}; its error is stored with the run.`;
  return `${count} runs failed; the newest, ${run}, with ${code}; its error is stored with the run.`;
}
