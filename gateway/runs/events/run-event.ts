import type { TurnEvent } from '../../agent/steps.ts';
import { spokenText } from '../../sessions/items.ts';
import { storable } from '../../sessions/storable.ts';

/** What happened in a run. The data of each is what its readers get, beside the run's id and the time. */
export type RunEvent =
  /** The run begins, or begins again after its worker was lost. */
  | { readonly type: 'run.started'; readonly data: { readonly attempt: number } }
  /** A piece of the text of a message. */
  | { readonly type: 'message.delta'; readonly data: { readonly item_id: string; readonly delta: string } }
  | { readonly type: 'message.completed'; readonly data: { readonly item_id: string; readonly text: string } }
  /** A tool of the gateway is called, and what it gave; a call of a function of the client is `tool.called`. */
  | { readonly type: 'tool.called'; readonly data: ToolCalled }
  | { readonly type: 'tool.completed'; readonly data: { readonly call_id: string; readonly output: unknown } }
  | { readonly type: 'approval.requested'; readonly data: ToolCalled }
  | { readonly type: 'approval.decided'; readonly data: { readonly call_id: string; readonly decision: string } }
  /** Further pieces and outputs are left out: the run has as many events as one may have. */
  | { readonly type: 'events.truncated'; readonly data: Record<string, never> };

interface ToolCalled {
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
}

/** The event of a run for an event of its turn; undefined for one that another tells already. */
export function toRunEvent(event: TurnEvent): RunEvent | undefined {
  if (event.type === 'text') return { type: 'message.delta', data: { item_id: event.id, delta: event.text } };
  if (event.type === 'call') return undefined;
  const { item } = event;
  switch (item.type) {
    case 'message':
      return { type: 'message.completed', data: { item_id: item.id, text: spokenText([item]) } };
    case 'function_call':
      return {
        type: 'tool.called',
        data: { call_id: item.call_id, name: item.name, arguments: item.arguments },
      };
    case 'function_call_output':
      return { type: 'tool.completed', data: { call_id: item.call_id, output: item.output } };
  }
}

/** Two pieces of one message as one; undefined when they cannot be. */
export function mergeEvents(left: RunEvent | undefined, right: RunEvent): RunEvent | undefined {
  if (left?.type !== 'message.delta' || right.type !== 'message.delta') return undefined;
  if (left.data.item_id !== right.data.item_id) return undefined;
  return { type: 'message.delta', data: { ...left.data, delta: left.data.delta + right.data.delta } };
}

/** The event with texts that PostgreSQL takes. */
export function storableEvent(event: RunEvent): RunEvent {
  return storable(event) as RunEvent;
}
