/** Names and values in two columns. */
export function printFacts(facts: readonly (readonly [string, string | number])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length)) + 2;
  process.stdout.write('\n');
  for (const [name, value] of facts) process.stdout.write(`  ${name.padEnd(width)}${value}\n`);
}

/** `completed 12, unknown 1` */
export function listCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

/** `7 (0.70 %)` */
export function shareOf(count: number, all: number): string {
  return `${count} (${((100 * count) / all).toFixed(2)} %)`;
}
