/** Every status of a run that has not ended, in the order of its life. */
const openOnes = ['queued', 'running', 'waiting_for_approval', 'stopping'] as const;

/** The ways in which a run may have ended. */
const endedOnes = ['completed', 'failed', 'cancelled', 'unknown'] as const;

/** Every status of a run, in the order of its life. */
export const runStatuses = [...openOnes, ...endedOnes] as const;

export type RunStatus = (typeof runStatuses)[number];

/** Whether a run in this status has ended. */
export function hasEnded({ status }: { readonly status: RunStatus }): boolean {
  return endedOnes.some((ended) => ended === status);
}

/**
 * What follows `status in` for a run that has not ended. Written as in the predicates of the partial indexes of `runs`,
 * which the planner only takes so.
 */
export const openStatuses = listOf(openOnes);

/** What follows `status in` for a run that a worker is at: its session is not free while it is. */
export const activeStatuses = listOf(openOnes.filter((status) => status !== 'queued'));

/** What follows `status in` for a run that has ended. */
export const endedStatuses = listOf(endedOnes);

function listOf(statuses: readonly RunStatus[]): string {
  return `(${statuses.map((status) => `'${status}'`).join(', ')})`;
}
