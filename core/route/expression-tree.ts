/** One node of a parsed expression, as the CEL library gives it. */
export type Expr = ReturnType<typeof import('@bufbuild/cel').parse>['expr'];
export type CallNode = Extract<Expr['exprKind'], { case: 'callExpr' }>['value'];
export type LoopNode = Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>['value'];

/** The nodes directly below a node; a loop has `outsideOf` and `bodyOf` instead. */
export function childrenOf({ exprKind }: Expr): readonly Expr[] {
  switch (exprKind.case) {
    case 'selectExpr':
      return defined([exprKind.value.operand]);
    case 'callExpr':
      return defined([exprKind.value.target, ...exprKind.value.args]);
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return defined(
        exprKind.value.entries.flatMap(({ keyKind, value }) => [
          keyKind.case === 'mapKey' ? keyKind.value : undefined,
          value,
        ]),
      );
    default:
      return [];
  }
}

/** What a loop evaluates once, before its first turn. */
export function outsideOf({ accuInit, iterRange }: LoopNode): readonly Expr[] {
  return defined([accuInit, iterRange]);
}

/** What a loop evaluates in every turn, and its result. */
export function bodyOf({ loopCondition, loopStep, result }: LoopNode): readonly Expr[] {
  return defined([loopCondition, loopStep, result]);
}

/** The name, when the node is one. */
export function nameOf(expr: Expr | undefined): string | undefined {
  return expr?.exprKind.case === 'identExpr' ? expr.exprKind.value.name : undefined;
}

/** The text, when the node is a string literal. */
export function stringOf(expr: Expr | undefined): string | undefined {
  if (expr?.exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = expr.exprKind.value;
  return constantKind.case === 'stringValue' ? constantKind.value : undefined;
}

/** A call of a function of ours around a condition, with one number beside it. */
export function wrapCondition(condition: Expr, name: string, number: number): Expr {
  const constant: Expr = {
    $typeName: 'cel.expr.Expr',
    id: 0n,
    exprKind: {
      case: 'constExpr',
      value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'int64Value', value: BigInt(number) } },
    },
  };
  const value: CallNode = { $typeName: 'cel.expr.Expr.Call', function: name, args: [condition, constant] };
  return { $typeName: 'cel.expr.Expr', id: 0n, exprKind: { case: 'callExpr', value } };
}

function defined(nodes: readonly (Expr | undefined)[]): readonly Expr[] {
  return nodes.filter((node) => node !== undefined);
}
