/** The lower of two bounds, where an absent one bounds nothing. */
export function lowerOf(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return Math.min(left, right);
}
