import { colours, formatData, printable } from '../remote/output.ts';
import type { Finding } from './finding.ts';

/** The findings of one part as lines: level, check and cause, and below what is wrong its cure. */
export function formatFindings(found: readonly Finding[]): string {
  return found.map(lineOf).join('');
}

/** How many of each level there are, in one line. */
export function formatSummary(found: readonly Finding[]): string {
  const count = (level: Finding['level']) => found.filter((finding) => finding.level === level).length;
  const skipped = count('skipped') === 0 ? '' : `, ${count('skipped')} skipped`;
  return `${count('fail')} failed, ${count('warn')} to look at, ${count('ok')} ok${skipped}\n`;
}

/** All findings for a program. */
export function formatReport(found: readonly Finding[], format: 'json' | 'yaml'): string {
  return formatData(found, format);
}

const checkWidth = 18;

function lineOf({ level, check, cause, cure }: Finding): string {
  const head = `${paint[level](level.padEnd(8))}${check.padEnd(checkWidth)} ${printable(cause, 'line')}\n`;
  return cure === '' ? head : `${head}${' '.repeat(8 + checkWidth)} ${colours.dim('->')} ${printable(cure, 'line')}\n`;
}

const paint: Readonly<Record<Finding['level'], (text: string) => string>> = {
  ok: colours.green,
  warn: colours.yellow,
  fail: colours.red,
  skipped: colours.dim,
};
