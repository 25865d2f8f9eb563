import type { AdminRunDetail } from '../gateway/ingress/admin/run-object.ts';

/** What an item of a run or a session says, as text; a call of a tool as `name(arguments)`. */
export function textOfItem(item: AdminRunDetail['input'][number]): string {
  if (item.type === 'function_call') return `${item.name}(${item.arguments})`;
  const parts = item.type === 'message' ? item.content : item.output;
  if (typeof parts === 'string') return parts;
  return parts.map((part) => (part.type === 'input_image' ? '[image]' : part.text)).join('');
}
