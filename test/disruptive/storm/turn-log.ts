import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** A turn as the process that made it saw it. */
export interface LoggedTurn {
  /** The run, as a UUID. */
  readonly run: string;
  /** The agent that the turn was made as. */
  readonly agent: string;
  readonly pid: number;
  /** Milliseconds of the machine's monotonic clock, which all its processes share and which no wall clock moves. */
  readonly beganAt: number;
  /** Undefined: its process was killed first. */
  readonly endedAt: number | undefined;
}

/**
 * Writes turns down at once, so that a `kill -9` loses none. This is what the database's rows are checked against: a run that
 * began twice stands here twice.
 */
export function createTurnLog(file: string): { readonly begin: (run: string, agent: string) => () => void } {
  let count = 0;
  return {
    begin: (run, agent) => {
      count += 1;
      const turn = `${process.pid}.${count}`;
      appendFileSync(file, `begin ${turn} ${run} ${agent} ${performanceMs()}\n`);
      return () => appendFileSync(file, `end ${turn} ${performanceMs()}\n`);
    },
  };
}

/** The turns of a log, in the order in which they began. */
export function readTurnLog(file: string): LoggedTurn[] {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const ends = new Map<string, number>();
  for (const line of lines) {
    const [what, turn = '', at] = line.split(' ');
    if (what === 'end') ends.set(turn, Number(at));
  }
  return lines.flatMap((line) => {
    const [what, turn = '', run = '', agent = '', at] = line.split(' ');
    if (what !== 'begin') return [];
    return [{ run, agent, pid: Number(turn.split('.')[0]), beganAt: Number(at), endedAt: ends.get(turn) }];
  });
}

/** Milliseconds of the machine's monotonic clock. */
export function performanceMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
