import { isDeepStrictEqual } from 'node:util';
import type { Kind } from './common.ts';
import { nodesAt, pathText } from './problem.ts';
import { nodeAt, structuralSchema } from './structural-schema.ts';
import type { TalariaObject } from './verdict.ts';

/**
 * Fields that are stored and not acted on yet. Whoever makes one work deletes its row. Any
 * value but the default of such a field means nothing yet; `except` and `part` narrow a row.
 */
export const limitedRows: Readonly<Record<Kind, readonly LimitedRow[]>> = {
  Agent: [
    { field: 'spec.tools.builtin[]', except: 'files' },
    { field: 'spec.tools.mcpServers' },
    { field: 'spec.accounts', part: 'messages that arrive' },
    { field: 'spec.sessions.groupScope' },
    { field: 'spec.sessions.threadScope' },
  ],
  Route: [
    { field: 'spec.rules[].matches[].platform', except: 'api' },
    { field: 'spec.rules[].matches[].account' },
    { field: 'spec.rules[].matches[].chatType', except: 'direct' },
    { field: 'spec.rules[].matches[].userIdAlt' },
    { field: 'spec.rules[].matches[].guildId' },
    { field: 'spec.rules[].matches[].parentChatId' },
  ],
  CronJob: [],
};

interface LimitedRow {
  readonly field: string;
  /** The one value that is acted on. */
  readonly except?: string;
  /** What of the field is not acted on, where the rest is; in the plural. */
  readonly part?: string;
}

/** What the description of a field says about it: '' where this version acts on every value. */
export function inertNote(kind: Kind, field: string): string {
  const row = limitedRows[kind].find((entry) => entry.field === field);
  if (row === undefined) return '';
  const { except, part } = row;
  if (part !== undefined) return `Of it, ${part} are not acted on by this version.`;
  const what = except === undefined ? 'Stored' : `Every value but \`${except}\` is stored`;
  return `${what} and not acted on by this version.`;
}

/** The fields of an object that this version stores and does not act on, for the condition Limited; in the order of the table. */
export function limitedFields(object: TalariaObject): readonly string[] {
  return limitedRows[object.kind].flatMap((row) =>
    nodesAt(object, row.field)
      .filter(([, value]) => isInert(object.kind, row, value))
      .map(([path]) => (row.part === undefined ? pathText(path) : `${pathText(path)} (${row.part})`)),
  );
}

function isInert(kind: Kind, row: LimitedRow, value: unknown): boolean {
  if (row.except !== undefined) return value !== row.except;
  return !isDeepStrictEqual(value, defaultOf(kind, row.field));
}

/** The default of a field that is not an object; an absent list is an empty one. */
function defaultOf(kind: Kind, field: string): unknown {
  const node = nodeAt(structuralSchema(kind), field);
  return node.default ?? (node.type === 'array' ? [] : undefined);
}
