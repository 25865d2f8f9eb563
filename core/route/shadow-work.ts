/** How many comparisons a pass over all rules may still make; what comes after them is said to be reached. */
export interface Work {
  left: number;
}

/**
 * What the design size takes with twenty shapes that all fit. Matches of which each has a shape of its own would take time that
 * grows with the square of their number.
 */
export function createWork(): Work {
  return { left: 10_000_000 };
}

/** Values under a shape's names are put together before they are compared. */
export const shapeWeight = 10;
