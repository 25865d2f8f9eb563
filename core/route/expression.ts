import type { RuleEntry } from '../snapshot/schema.ts';
import { type Envelope, envelope } from './envelope.ts';
import { checkExpression } from './expression-check.ts';
import { chargedFunctions, createMeter, type Meter } from './expression-cost.ts';
import { ExpressionError } from './expression-error.ts';
import { inputOf } from './expression-input.ts';

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

/** How many rules of a namespace may have only an expression: each of them is tried for every message. */
export const maxExpressionOnlyRules = 100;

/** Whether some match of the rule has nothing but an expression, so that no index can find it. */
export function isExpressionOnly(rule: RuleEntry): boolean {
  return rule.matches.some(
    ({ expression, headers, ...fields }) =>
      expression !== undefined &&
      (headers?.length ?? 0) === 0 &&
      Object.values(fields).every((value) => value === undefined),
  );
}

/**
 * Compiles one expression. Its variables are the string fields of the envelope ('' when absent; `text` is cut to 4 KiB),
 * `headers` and `claims`. The CEL library is loaded by the first call. Throws ExpressionError.
 */
export async function compileExpression(text: string): Promise<CompiledExpression> {
  engine ??= loadEngine();
  const { cel, functions, env, meter } = await engine;
  const { tree, roots } = checkExpression(cel, functions, text);
  const program = cel.plan(env, tree);
  const evaluate: CompiledExpression['evaluate'] = (message) => {
    meter.reset();
    const result = program(inputOf(message));
    if (meter.exceeded()) return tooCostly;
    if (typeof result === 'boolean') return result;
    return cel.isCelError(result) ? { error: result.message.slice(0, maxErrorLength) } : notBoolean;
  };
  refuseWhatNeverWorks(text, evaluate, roots);
  return { text, evaluate };
}

interface Engine {
  readonly cel: typeof import('@bufbuild/cel');
  /** The library's own functions, not charged. */
  readonly functions: ReturnType<typeof import('@bufbuild/cel').celEnv>['funcs'];
  readonly env: ReturnType<typeof import('@bufbuild/cel').celEnv>;
  readonly meter: Meter;
}

let engine: Promise<Engine> | undefined;

async function loadEngine(): Promise<Engine> {
  const cel = await import('@bufbuild/cel');
  const meter = createMeter();
  const functions = cel.celEnv().funcs;
  return { cel, functions, meter, env: cel.celEnv({ funcs: chargedFunctions(cel, functions, meter) }) };
}

/** An error may quote a value of the message. */
const maxErrorLength = 200;

const tooCostly: ExpressionFailure = { error: 'it costs too much to evaluate for this message' };
const notBoolean: ExpressionFailure = { error: 'it does not give true or false' };

/**
 * There is no type checker in the library, so a message without any field is tried. A wrong type there is certain as long
 * as no claim is involved: everything else is a string.
 */
function refuseWhatNeverWorks(
  text: string,
  evaluate: CompiledExpression['evaluate'],
  roots: ReadonlySet<string>,
): void {
  const result = evaluate(envelope({}));
  if (result === notBoolean) {
    throw new ExpressionError(`The expression \`${text}\` does not give true or false. Compare it with something.`);
  }
  if (typeof result === 'object' && !roots.has('claims') && result.error.startsWith('found no matching overload')) {
    throw new ExpressionError(`${result.error}. Fields of the message are strings: quote what they are compared with.`);
  }
}
