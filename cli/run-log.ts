import type { AdminRunDetail } from '../gateway/ingress/admin/run-object.ts';
import type { AdminClient } from './remote/admin-client.ts';
import { colours, type Format, formatData, printable } from './remote/output.ts';
import type { ServerEvent } from './remote/server-events.ts';

/**
 * Prints what happened in a run: text as it was said, a line for everything else, and on stderr how the run stands. With
 * `follow` it goes on to the end of the run. As JSON each event is a line, as YAML a document.
 */
export async function printRunLog(
  runs: AdminClient['runs'],
  id: string,
  { follow, format = 'table' }: { readonly follow: boolean; readonly format?: Format | undefined },
): Promise<void> {
  const print = createEventPrinter();
  let ended: AdminRunDetail | undefined;
  for await (const event of runs.events(id, { after: 0, follow })) {
    if (format === 'json') process.stdout.write(`${JSON.stringify(event.data)}\n`);
    else if (format === 'yaml') process.stdout.write(`---\n${formatData(event.data, 'yaml')}`);
    else process.stdout.write(print(event));
    ended = (event.data.run as AdminRunDetail | undefined) ?? ended;
  }
  process.stderr.write(`${standingOf(ended ?? (await runs.read(id)))}\n`);
}

/**
 * Turns the events of one run, in their order, into text for people: each message as it was said, on lines of its own, and a
 * line in brackets for everything else.
 */
export function createEventPrinter(): (event: ServerEvent) => string {
  let said = false;
  let midLine = false;
  const endLine = () => {
    const end = midLine ? '\n' : '';
    midLine = false;
    return end;
  };
  const line = (text: string) => `${endLine()}${text}\n`;
  const streamed = new Set<unknown>();
  /** A run without events tells at its end all that it said. */
  const endOf = ({ output_text: text }: AdminRunDetail) => {
    return said || text === '' ? endLine() : line(printable(text, 'text').trimEnd());
  };
  return ({ type, data }) => {
    switch (type) {
      case 'message.delta': {
        said = true;
        streamed.add(data.item_id);
        const text = printable(textIn(data, 'delta'), 'text');
        midLine = !text.endsWith('\n');
        return text;
      }
      case 'message.completed':
        said = true;
        return streamed.has(data.item_id) ? endLine() : line(printable(textIn(data, 'text'), 'text'));
      case 'tool.called':
      case 'approval.requested':
        return line(note(type, `${textIn(data, 'name')} ${textIn(data, 'arguments')}`));
      case 'tool.completed':
        return line(note(type, JSON.stringify(data.output ?? null)));
      case 'approval.decided':
        return line(note(type, textIn(data, 'decision')));
      case 'run.started':
        return line(note(type, `attempt ${String(data.attempt)}`));
      default:
        return 'run' in data ? endOf(data.run as AdminRunDetail) : line(note(type, ''));
    }
  };
}

function note(type: string, text: string): string {
  return colours.dim(`[${type}] ${printable(text, 'line')}`.trimEnd());
}

function textIn(data: ServerEvent['data'], field: string): string {
  const text = data[field];
  return typeof text === 'string' ? text : '';
}

/** `run_... is failed, attempt 2 of 3: model_failed: ...` */
function standingOf({ id, status, trigger, attempt, max_attempts, error }: AdminRunDetail): string {
  const attempts = trigger === 'cron' ? `, attempt ${attempt} of ${max_attempts}` : '';
  const reason = error === null ? '' : `: ${error.code}: ${printable(error.message, 'line')}`;
  return `${id} is ${status}${attempts}${reason}`;
}
