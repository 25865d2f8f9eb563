import { printable } from '../remote/output.ts';

/**
 * Makes pieces of one text printable, as `printable` makes the whole of it: a line break that two pieces share stays one.
 */
export function createHarmless(): { readonly piece: (text: string) => string } {
  let held = '';
  return {
    piece: (text) => {
      const all = held + text;
      held = all.endsWith('\r') ? '\r' : '';
      return printable(held === '' ? all : all.slice(0, -1), 'text');
    },
  };
}
