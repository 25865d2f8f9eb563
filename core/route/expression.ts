import type { Envelope } from './envelope.ts';

/** A route expression that was parsed and checked. */
export interface CompiledExpression {
  readonly text: string;
  /**
   * Whether the expression holds for this envelope. It never throws: what fails or costs too much is `{error}`, which a
   * caller must treat as a match that refuses, never as "no match".
   */
  readonly evaluate: (envelope: Envelope) => boolean | ExpressionFailure;
}

export interface ExpressionFailure {
  readonly error: string;
}

/** A text that is not a usable route expression. `message` names line, column and the cure. */
export class ExpressionError extends Error {
  readonly reason = 'InvalidExpression';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ExpressionError';
  }
}

/** How many rules of a namespace may have a match with nothing but an expression: each of them is tried for every message. */
export const maxExpressionOnlyRules = 100;

type Library = typeof import('@bufbuild/cel');
let library: Promise<Library> | undefined;

/** Compiles one expression; the CEL library is loaded by the first call. Throws ExpressionError. */
export async function compileExpression(text: string): Promise<CompiledExpression> {
  library ??= import('@bufbuild/cel');
  const cel = await library;
  try {
    const program = cel.plan(cel.celEnv(), cel.parse(text)) as (input: Record<string, never>) => unknown;
    return { text, evaluate: (envelope) => verdict(cel, program(envelope as unknown as Record<string, never>)) };
  } catch (cause) {
    throw new ExpressionError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function verdict(cel: Library, result: unknown): boolean | ExpressionFailure {
  if (typeof result === 'boolean') return result;
  if (cel.isCelError(result)) return { error: result.message };
  return { error: 'the expression must give true or false' };
}
