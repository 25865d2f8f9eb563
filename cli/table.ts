/** Rows in columns as `kubectl get` prints them: three spaces apart, the header first, no space at the end of a line. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd((widths[i] ?? 0) + 3)).join('');
  return all.map((row) => `${line(row).trimEnd()}\n`).join('');
}
