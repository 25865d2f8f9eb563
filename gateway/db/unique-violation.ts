/** Whether a statement failed because another row has the same key: the condition `unique_violation` of PostgreSQL. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505';
}
