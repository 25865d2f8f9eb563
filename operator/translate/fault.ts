import type { Rejection } from '../resources.ts';

/** Why an object is not accepted on which our own code failed. One object's failure is not to be that of all others. */
export function faultRejection(error: unknown): Rejection {
  return { reason: 'OperatorFault', message, fault: faultOf(error) };
}

const message =
  'the operator failed on this object, which is a fault of Talaria; its log says where, so please report that.';

const shownFrames = 8;

/** Name and frames of an error. Its message may quote the text of a Secret. */
export function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { name, message: quoted, stack = '' } = error;
  const frames = stack.slice(stack.indexOf(quoted) + quoted.length).split('\n');
  return [name, ...frames.slice(1, shownFrames + 1)].join('\n');
}
