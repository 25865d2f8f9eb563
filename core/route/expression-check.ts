import { closest } from '../lib/closest.ts';
import { matchCost, maxCost, stepFunction } from './expression-cost.ts';
import { ExpressionError } from './expression-error.ts';
import { maxTextBytes, variables } from './expression-input.ts';
import {
  bodyOf,
  type CallNode,
  childrenOf,
  type Expr,
  type LoopNode,
  nameOf,
  outsideOf,
  stringOf,
  wrapCondition,
} from './expression-tree.ts';

type Cel = typeof import('@bufbuild/cel');
type Functions = ReturnType<Cel['celEnv']>['funcs'];
type Parsed = ReturnType<Cel['parse']>;

export const maxExpressionLength = 1024;
/** Nodes of the parsed expression, with its macros written out. */
export const maxExpressionNodes = 200;
/** Brackets inside brackets: the parser calls itself for each, and how far it gets must not depend on its caller. */
export const maxExpressionNesting = 32;

/** What is known of an expression before it is evaluated. */
export interface CheckedExpression {
  /** The parsed expression, with its loops counted for the cost limit. */
  readonly tree: Expr;
  /** The variables it uses. */
  readonly roots: ReadonlySet<string>;
}

/** Parses an expression and refuses what could never work or may cost too much. Throws ExpressionError. */
export function checkExpression(cel: Cel, functions: Functions, text: string): CheckedExpression {
  if (text.length > maxExpressionLength) {
    throw new ExpressionError(
      `The expression has ${text.length} characters; at most ${maxExpressionLength} are allowed.`,
    );
  }
  if (nestingOf(text) > maxExpressionNesting) {
    throw new ExpressionError(`The expression nests brackets more than ${maxExpressionNesting} deep. Make it flatter.`);
  }
  const parsed = parse(cel, text);
  const check: Check = { cel, functions, text, parsed, roots: new Set(), nodes: 0 };
  visit(check, parsed.expr, { bound: [], inLoop: false });
  return { tree: parsed.expr, roots: check.roots };
}

interface Check {
  readonly cel: Cel;
  readonly functions: Functions;
  readonly text: string;
  readonly parsed: Parsed;
  readonly roots: Set<string>;
  nodes: number;
}

interface Scope {
  /** The names that the loop around a node binds. */
  readonly bound: readonly string[];
  readonly inLoop: boolean;
}

function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of text.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/gsu, '').matchAll(/[()[\]{}]/gu)) {
    depth += '([{'.includes(bracket) ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function parse(cel: Cel, text: string): Parsed {
  try {
    return cel.parse(text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const [, line, column, problem] = /^<input>:(\d+):(\d+): (.*)$/su.exec(message) ?? [];
    const where = line === undefined ? message : `Line ${line}, column ${column}: ${problem}`;
    throw new ExpressionError(`${where}. See https://cel.dev for the syntax.`, { cause });
  }
}

function visit(check: Check, expr: Expr, scope: Scope): void {
  check.nodes++;
  if (check.nodes > maxExpressionNodes) {
    fail(check, expr, `the expression has more than ${maxExpressionNodes} nodes. Split it over several matches`);
  }
  const { exprKind } = expr;
  if (exprKind.case === 'comprehensionExpr') {
    visitLoop(check, expr, exprKind.value, scope);
    return;
  }
  if (exprKind.case === 'identExpr') checkName(check, expr, exprKind.value.name, scope);
  if (exprKind.case === 'callExpr') checkCall(check, expr, exprKind.value);
  if (exprKind.case === 'selectExpr') checkHeaderName(check, expr, exprKind.value.operand, exprKind.value.field);
  if (exprKind.case === 'structExpr' && exprKind.value.messageName !== '') {
    fail(check, expr, `no ${exprKind.value.messageName} can be built here. Use strings, numbers, lists and maps`);
  }
  for (const child of childrenOf(expr)) visit(check, child, scope);
}

/** A loop inside a loop costs the product of both; in a chain of loops the first is inside the second. */
function visitLoop(check: Check, expr: Expr, loop: LoopNode, scope: Scope): void {
  if (scope.inLoop) fail(check, expr, 'a comprehension is inside another one, or follows on it. Say it with one');
  for (const child of outsideOf(loop)) visit(check, child, { bound: [], inLoop: true });
  const before = check.nodes;
  for (const child of bodyOf(loop)) visit(check, child, { bound: [loop.iterVar, loop.accuVar], inLoop: true });
  if (loop.loopCondition === undefined) return;
  loop.loopCondition = wrapCondition(loop.loopCondition, stepFunction, check.nodes - before);
}

function checkName(check: Check, expr: Expr, written: string, scope: Scope): void {
  const name = written.replace(/^\./u, '');
  if (scope.bound.includes(name) || typeNames.includes(name)) return;
  if (!variables.includes(name)) fail(check, expr, unknown('variable', name, variables));
  check.roots.add(name);
}

const typeNames = ['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint'];

function checkCall(check: Check, expr: Expr, call: CallNode): void {
  if (!operators.includes(call.function) && !isKnown(check, call)) failCall(check, expr, call);
  if (call.function === '_[_]') checkHeaderName(check, expr, call.args[0], stringOf(call.args[1]));
  if (call.function === '@in') checkHeaderName(check, expr, call.args[1], stringOf(call.args[0]));
  if (call.function === 'matches') checkPattern(check, expr, call);
}

/** What the library plans by itself, not as a function. */
const operators = ['_&&_', '_||_', '_?_:_', '_[_]', '@not_strictly_false'];

function isKnown(check: Check, call: CallNode): boolean {
  for (const known of check.functions.find(call.function) ?? []) {
    const sameForm = (known.target === undefined) === (call.target === undefined);
    if (sameForm && known.arguments.length === call.args.length) return true;
  }
  return false;
}

function failCall(check: Check, expr: Expr, call: CallNode): never {
  const macro = macros.get(call.function);
  if (macro !== undefined) fail(check, expr, `write ${macro}`);
  if (check.functions.find(call.function) !== undefined) {
    const form = call.target === undefined ? 'function' : 'method';
    fail(check, expr, `${call.function} is no ${form} with ${call.args.length} arguments. See https://cel.dev`);
  }
  const names = new Set([...check.functions].map(({ name }) => name).filter((name) => /^\w+$/u.test(name)));
  fail(check, expr, unknown('function', call.function, [...names, ...macros.keys()]));
}

/** How a macro is written; one written otherwise is taken for a function. */
const macros: ReadonlyMap<string, string> = new Map([
  ['has', 'has(claims.team): it tests a field, and only `headers` and `claims` have fields'],
  ['all', 'list.all(x, condition)'],
  ['exists', 'list.exists(x, condition)'],
  ['exists_one', 'list.exists_one(x, condition)'],
  ['map', 'list.map(x, value)'],
  ['filter', 'list.filter(x, condition)'],
]);

function checkHeaderName(check: Check, expr: Expr, map: Expr | undefined, name: string | undefined): void {
  if (nameOf(map) !== 'headers' || name === undefined || name === name.toLowerCase()) return;
  fail(check, expr, `header names are lower case here: write "${name.toLowerCase()}"`);
}

function checkPattern(check: Check, expr: Expr, call: CallNode): void {
  const pattern = stringOf(call.args[0]);
  if (pattern === undefined) return;
  const tried = check.functions.find('matches')?.call(0, '', [pattern]);
  if (check.cel.isCelError(tried)) fail(check, expr, `${tried.message}. Patterns have the syntax of RE2`);
  if (matchCost(pattern, nameOf(call.target) === 'text' ? maxTextBytes : 0) > maxCost) {
    fail(check, expr, 'this pattern may cost too much. Make it shorter, with smaller repetitions');
  }
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const near = closest(name, known);
  return `unknown ${what} ${name}. ${near === undefined ? `Known are: ${known.join(', ')}` : `Did you mean ${near}?`}`;
}

function fail(check: Check, expr: Expr, problem: string): never {
  const offset = check.parsed.sourceInfo?.positions[String(expr.id)] ?? 0;
  const before = check.text.slice(0, offset).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  throw new ExpressionError(`Line ${before.length}, column ${column}: ${problem}${/[.?]$/u.test(problem) ? '' : '.'}`);
}
