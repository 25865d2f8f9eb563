import { colours, printable } from '../remote/output.ts';

/** One line of the status: a part of Talaria, how it stands, and what of it is wrong. */
export interface Part {
  readonly name: string;
  readonly summary: string;
  /** A line each, with the object first and the cure last. */
  readonly troubles: readonly string[];
}

/** So many troubles of a part are told one by one. */
const mostTold = 10;

/** The parts in lines, each with its troubles below it. */
export function formatParts(parts: readonly Part[]): string {
  const width = Math.max(...parts.map(({ name }) => name.length)) + 3;
  return parts.map((part) => formatPart(part, width)).join('');
}

function formatPart({ name, summary, troubles }: Part, width: number): string {
  const told = troubles.slice(0, mostTold).map((line) => `  ${colours.red('!')} ${printable(line, 'line')}\n`);
  const rest = troubles.length > mostTold ? `  and ${troubles.length - mostTold} more\n` : '';
  return `${name.padEnd(width)}${printable(summary, 'line')}\n${told.join('')}${rest}`;
}

/** `12 agents, 1 not ready` */
export function counted(count: number, what: string, wrong: number, how: string): string {
  return wrong === 0 ? `${count} ${what}` : `${count} ${what}, ${wrong} ${how}`;
}
