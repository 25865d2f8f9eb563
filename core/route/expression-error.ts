/** A text that is not a usable route expression. `message` says where (line and column) and how to cure it. */
export class ExpressionError extends Error {
  /** The reason of the condition `Accepted=False`. */
  readonly reason = 'InvalidExpression';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ExpressionError';
  }
}
