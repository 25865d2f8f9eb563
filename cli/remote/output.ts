import { once } from 'node:events';
import pc from 'picocolors';
import { stringify } from 'yaml';
import { formatTable, type Paint } from '../table.ts';

/** `table` is for people; `wide` has more of it. */
export type Format = 'table' | 'wide' | 'json' | 'yaml';

/** One column of a table, or one line of a description. */
export interface Column<T> {
  readonly title: string;
  readonly cell: (entry: T) => string;
  /** Shown with `-o wide` alone. */
  readonly wide?: true;
  /** The cell is a state, which has a colour on a terminal. */
  readonly state?: true;
}

/** A list as text: a table, or a JSON array or YAML list of what the API gave. */
export function formatList<T>(entries: readonly T[], columns: readonly Column<T>[], format: Format = 'table'): string {
  if (format === 'json' || format === 'yaml') return formatData(entries, format);
  const shown = columns.filter(({ wide }) => format === 'wide' || wide === undefined);
  const rows = entries.map((entry) => shown.map(({ cell }) => printable(cell(entry), 'line')));
  const paint: Paint = (cell, at, padded) => (shown[at]?.state ? padded.replace(cell, paintState(cell)) : padded);
  return formatTable(
    shown.map(({ title }) => title),
    rows,
    paint,
  );
}

/** One thing as text: a line for each column that says something, and below them `rest`, or the JSON or YAML of it. */
export function formatOne<T>(entry: T, columns: readonly Column<T>[], format: Format = 'table', rest = ''): string {
  if (format === 'json' || format === 'yaml') return formatData(entry, format);
  const shown = columns.filter(({ wide }) => format === 'wide' || wide === undefined);
  const lines = shown.map(({ title, cell, state }) => ({ title, text: printable(cell(entry), 'line'), state }));
  const width = Math.max(...lines.map(({ title }) => title.length)) + 1;
  const told = lines.filter(({ text }) => text !== '');
  const body = told.map(({ title, text, state }) => {
    return `${`${sentenceCase(title)}:`.padEnd(width)} ${state ? paintState(text) : text}\n`;
  });
  return `${body.join('')}${rest}`;
}

/** A part of a description below its lines: its title and a text of somebody else's; '' without one. */
export function textSection(title: string, text: string): string {
  if (text === '') return '';
  const indented = printable(text, 'text').replaceAll(/^(?=.)/gm, '  ');
  return `\n${title}:\n${indented.trimEnd()}\n`;
}

/** Anything as JSON or YAML. */
export function formatData(value: unknown, format: 'json' | 'yaml'): string {
  return format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}

/** Prints what comes piece by piece, no faster than it is read. */
export async function printChunks(chunks: AsyncIterable<string | Uint8Array>): Promise<void> {
  for await (const chunk of chunks) {
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
}

/** How long ago an instant of Unix seconds was, as kubectl says it, such as `5m` or `3d`; '' for none. */
export function age(at: number | null, nowMs: number = Date.now()): string {
  return at === null ? '' : duration(Math.max(0, nowMs / 1_000 - at));
}

/** How long until an instant, `now` once it is past; '' for none. */
export function until(at: number | null, nowMs: number = Date.now()): string {
  if (at === null) return '';
  const left = at - nowMs / 1_000;
  return left <= 0 ? 'now' : duration(left);
}

/** An instant of Unix seconds in UTC, such as `2026-01-31T08:00:00Z`; '' for none. */
export function instant(at: number | null): string {
  return at === null ? '' : new Date(at * 1_000).toISOString().replace('.000Z', 'Z');
}

/** Seconds in the largest unit that is not below two of it. */
export function duration(seconds: number): string {
  const [unit, name] = units.find(([size]) => seconds >= 2 * size) ?? [1, 's'];
  return `${Math.floor(seconds / unit)}${name}`;
}

const units = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'm'],
] as const;

/**
 * A text without what a terminal would obey: what agents and strangers wrote is shown, not executed. A `line` has no line
 * breaks either.
 */
export function printable(text: string, as: 'line' | 'text'): string {
  const kept = as === 'line' ? text.replace(/\s+/g, ' ') : text.replace(/\r\n/g, '\n');
  return kept.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '�');
}

/** Colours are for terminals. */
export const colours = pc.createColors(pc.isColorSupported && process.stdout.isTTY === true);

function paintState(state: string): string {
  return (stateColours[state.split(' ')[0]?.toLowerCase() ?? ''] ?? String)(state);
}

const { green, yellow, red, dim } = colours;
const stateColours: Readonly<Record<string, (text: string) => string>> = {
  true: green,
  false: red,
  completed: green,
  sent: green,
  scheduled: green,
  running: green,
  live: green,
  ended: dim,
  queued: yellow,
  pending: yellow,
  sending: yellow,
  stopping: yellow,
  waiting_for_approval: yellow,
  paused: yellow,
  manual: yellow,
  failed: red,
  unknown: red,
  dead: red,
  expired: red,
  ambiguous: red,
  missed: red,
  suspended: dim,
  cancelled: dim,
  suppressed: dim,
};

function sentenceCase(title: string): string {
  return `${title.slice(0, 1)}${title.slice(1).toLowerCase()}`;
}
