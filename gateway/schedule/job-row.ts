/** What the database keeps of a CronJob for deciding. Instants are Unix milliseconds. */
export interface JobRow {
  readonly uid: string;
  readonly name: string;
  readonly agent: string;
  readonly generation: number;
  readonly sequence: number;
  readonly entryHash: string;
  /** As `scheduleText` writes it. */
  readonly schedule: string;
  readonly anchor: number;
  readonly decidedTo: number;
  readonly suspended: boolean;
  readonly pausedReason: 'Failures' | 'Manual' | undefined;
  readonly runAtSeen: string;
  readonly gone: boolean;
}

/** The columns of `cron_jobs` that make a JobRow, for a select on the alias `j`. */
export const jobRowColumns = `j.uid, j.name, j.agent, j.generation, j.sequence, j.entry_hash, j.schedule, j.anchor,
  j.decided_to, j.suspended, j.paused_reason, j.run_at_seen, j.gone_at is not null as gone`;

/** A row as pg gives it. */
export interface RawJobRow {
  readonly uid: string;
  readonly name: string;
  readonly agent: string;
  readonly generation: string;
  readonly sequence: string;
  readonly entry_hash: string;
  readonly schedule: string;
  readonly anchor: Date;
  readonly decided_to: Date;
  readonly suspended: boolean;
  readonly paused_reason: 'Failures' | 'Manual' | null;
  readonly run_at_seen: string;
  readonly gone: boolean;
}

/** The JobRow of what pg gave. */
export function toJobRow(raw: RawJobRow): JobRow {
  return {
    uid: raw.uid,
    name: raw.name,
    agent: raw.agent,
    generation: Number(raw.generation),
    sequence: Number(raw.sequence),
    entryHash: raw.entry_hash,
    schedule: raw.schedule,
    anchor: raw.anchor.getTime(),
    decidedTo: raw.decided_to.getTime(),
    suspended: raw.suspended,
    pausedReason: raw.paused_reason ?? undefined,
    runAtSeen: raw.run_at_seen,
    gone: raw.gone,
  };
}
