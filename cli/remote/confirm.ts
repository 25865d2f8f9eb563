import { createInterface } from 'node:readline/promises';
import { Refused } from './failures.ts';

/**
 * Asks a person at the terminal whether to go on, unless that was said before. Throws Refused for any answer but yes, and
 * where nobody can be asked.
 */
export async function confirm(question: string, saidYes: boolean): Promise<void> {
  if (saidYes) return;
  if (!process.stdin.isTTY) throw new Refused('nobody can be asked here. Give --yes to go on.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new Refused('nothing was changed.');
  } finally {
    terminal.close();
  }
}
