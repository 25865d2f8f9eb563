import { TalariaError } from '../../../core/lib/errors.ts';
import { fromWire } from '../../../core/lib/id.ts';
import type { Principal } from '../../../core/route/principal.ts';
import type { Database } from '../../db/pool.ts';
import { readRun, type StoredRun } from '../../runs/read-run.ts';

/** This principal's run of a wire id (`run_...`). Throws `run_not_found` for every other. */
export async function findRun(database: Database, principal: Principal, wireId: string): Promise<StoredRun> {
  const id = fromWire('run', wireId);
  const run = id === undefined ? undefined : await readRun(database, principal, id);
  if (run !== undefined) return run;
  throw runNotFound();
}

/** The refusal of a run that is unknown, another principal's, or of an agent that the principal may not call. */
export function runNotFound(): TalariaError {
  return new TalariaError('run_not_found', 'No such run for this key. List its runs with GET /v1/runs.');
}
