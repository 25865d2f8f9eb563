import type { ToldExplanation } from '../core/route/told-explanation.ts';
import { printable } from './remote/output.ts';
import { formatTable } from './table.ts';

/** An explanation for people: the answer, and below it the rules that took part, in the order of precedence. */
export function formatExplanation(told: ToldExplanation): string {
  const answer =
    told.outcome === 'resolved'
      ? `Agent "${told.agent}" would answer: ${told.reason}\n`
      : `Refused with ${told.code}: ${told.message}\n`;
  const rows = told.candidates.map(({ route, rule, verdict, why }) => [
    `${route}/${rule}`,
    verdict,
    printable(why, 'line'),
  ]);
  const more = told.omitted > 0 ? `${told.omitted} more\n` : '';
  return rows.length === 0 ? answer : `${answer}\n${formatTable(['RULE', 'VERDICT', 'WHY'], rows)}${more}`;
}
