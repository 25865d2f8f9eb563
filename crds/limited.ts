import { isDeepStrictEqual } from 'node:util';
import type { Kind } from './common.ts';
import { nodesAt, pathText } from './problem.ts';
import { nodeAt, structuralSchema } from './structural-schema.ts';
import type { TalariaObject } from './verdict.ts';

/**
 * Fields that are stored and not acted on yet. Whoever makes one work deletes its row. Any
 * value but the default of such a field means nothing yet; `value` narrows a row to one value.
 */
export const limitedRows: Readonly<Record<Kind, readonly LimitedRow[]>> = {
  Agent: [
    { field: 'spec.model.provider', value: 'anthropic' },
    { field: 'spec.model.prices' },
    { field: 'spec.skills' },
    { field: 'spec.tools.builtin' },
    { field: 'spec.tools.mcpServers' },
    { field: 'spec.tools.maxSteps' },
    { field: 'spec.profile.files' },
    { field: 'spec.profile.volume' },
    { field: 'spec.accounts' },
    { field: 'spec.access.apiKeys[].deliver' },
    { field: 'spec.access.apiKeys[].limits' },
    { field: 'spec.sessions.groupScope' },
    { field: 'spec.sessions.threadScope' },
    { field: 'spec.sessions.maxHistoryTokens' },
    { field: 'spec.sessions.idleResetSeconds' },
    { field: 'spec.sessions.retentionSeconds' },
    { field: 'spec.sessions.concurrency', value: 'Interrupt' },
    { field: 'spec.sessions.approvalTimeoutSeconds' },
    { field: 'spec.limits.maxConcurrentRuns' },
    { field: 'spec.limits.requestsPerMinute' },
    { field: 'spec.limits.tokensPerDay' },
  ],
  Route: [{ field: 'spec.rules[].session' }],
  CronJob: [
    { field: 'spec.deliver[].account' },
    { field: 'spec.onFailure.deliver[].account' },
    { field: 'spec.contextFrom' },
  ],
};

interface LimitedRow {
  readonly field: string;
  readonly value?: string;
}

/** The fields of an object that this version stores and does not act on, for the condition Limited; in the order of the table. */
export function limitedFields(object: TalariaObject): readonly string[] {
  return limitedRows[object.kind].flatMap((row) =>
    nodesAt(object, row.field)
      .filter(([, value]) => isInert(object.kind, row, value))
      .map(([path]) => pathText(path)),
  );
}

function isInert(kind: Kind, row: LimitedRow, value: unknown): boolean {
  if (row.value !== undefined) return value === row.value;
  return !isDeepStrictEqual(value, defaultOf(kind, row.field));
}

/** The default of a field that is not an object; an absent list is an empty one. */
function defaultOf(kind: Kind, field: string): unknown {
  const node = nodeAt(structuralSchema(kind), field);
  return node.default ?? (node.type === 'array' ? [] : undefined);
}
