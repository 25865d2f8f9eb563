import type { OnTurnEvent } from '../agent/steps.ts';
import { assistantMessage, type Item } from '../sessions/items.ts';
import { answerOpenCalls } from './history.ts';

/** What a turn has said and done so far, so that nothing of it is lost when it is interrupted. */
export interface Progress {
  readonly onEvent: OnTurnEvent;
  /** What is kept of a turn that ends now: its last message as far as it came, and a result for every open call. */
  readonly interrupted: () => readonly Item[];
}

/** Follows the events of a turn and passes them on to `onEvent`. */
export function createProgress(onEvent: OnTurnEvent | undefined): Progress {
  const items: Item[] = [];
  let open: { readonly id: string; text: string } | undefined;
  return {
    onEvent: (event) => {
      if (event.type === 'text') {
        if (open?.id !== event.id) open = { id: event.id, text: '' };
        open.text += event.text;
      } else if (event.type === 'item') {
        items.push(event.item);
        open = undefined;
      }
      return onEvent?.(event);
    },
    interrupted: () => {
      const cut = open === undefined ? [] : [assistantMessage(open.text, 'incomplete', open.id)];
      return answerOpenCalls([...items, ...cut]);
    },
  };
}
