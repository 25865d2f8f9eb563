/** Puts colour on a cell that has its final width; gets the cell as it was given, the column, and the padded text. */
export type Paint = (cell: string, column: number, padded: string) => string;

/** Rows in columns as `kubectl get` prints them: three spaces apart, the header first, no space at the end of a line. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint = (_cell, _column, padded) => padded,
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[], color: Paint) => {
    const last = row.findLastIndex((cell) => cell !== '');
    const cells = row.slice(0, last + 1);
    return `${cells.map((cell, i) => color(cell, i, i === last ? cell : cell.padEnd((widths[i] ?? 0) + 3))).join('')}\n`;
  };
  const plain: Paint = (_cell, _column, padded) => padded;
  return all.map((row, at) => line(row, at === 0 ? plain : paint)).join('');
}
