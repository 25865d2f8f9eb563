/** A metav1.MicroTime: RFC 3339 with exactly six digits. The API server refuses the three digits of `toISOString`. */
export function microTime(unixMs: number): string {
  return new Date(unixMs).toISOString().replace('Z', '000Z');
}
