import { describe, expect, it } from 'vitest';
import { createEventPrinter } from '../../../cli/run-log.ts';

function printed(...events: readonly (readonly [string, Readonly<Record<string, unknown>>])[]): string {
  const print = createEventPrinter();
  return events.map(([type, data], at) => print({ id: at + 1, type, data })).join('');
}

const delta = (delta: string, item = 'm1') => ['message.delta', { item_id: item, delta }] as const;
const completed = (text: string, item = 'm1') => ['message.completed', { item_id: item, text }] as const;
const end = (text: string) => ['run.completed', { run: { output_text: text } }] as const;

describe('the log of a run', () => {
  it('has what was said as it was said, once', () => {
    expect(printed(delta('Hel'), delta('lo.'), completed('Hello.'), end('Hello.'))).toBe('Hello.\n');
    expect(printed(completed('Hello.'), end('Hello.'))).toBe('Hello.\n');
    expect(printed(delta('One.\n'), completed('One.\n'), end('One.\n'))).toBe('One.\n');
  });

  it('has each message and everything else on lines of its own', () => {
    const call = { call_id: 'c', name: 'weather', arguments: '{"city":"Rome"}' };
    const text = printed(
      ['run.started', { attempt: 2 }],
      delta('Let me look'),
      ['tool.called', call],
      ['tool.completed', { call_id: 'c', output: 'rain\nand wind' }],
      ['approval.requested', call],
      ['approval.decided', { call_id: 'c', decision: 'denied' }],
      ['events.truncated', {}],
      delta('It rains.', 'm2'),
      end('Let me look\n\nIt rains.'),
    );
    expect(text.split('\n')).toEqual([
      '[run.started] attempt 2',
      'Let me look',
      '[tool.called] weather {"city":"Rome"}',
      '[tool.completed] "rain\\nand wind"',
      '[approval.requested] weather {"city":"Rome"}',
      '[approval.decided] denied',
      '[events.truncated]',
      'It rains.',
      '',
    ]);
  });

  it('has of a run that stores no events what it gave', () => {
    expect(printed(end('The report.\n'))).toBe('The report.\n');
    expect(printed(['run.failed', { run: { output_text: '' } }])).toBe('');
  });

  it('has nothing that a terminal would obey', () => {
    expect(printed(delta('a\x1b[2J'), ['tool.called', { name: '\x07', arguments: '\x9b' }])).toBe(
      'a�[2J\n[tool.called] � �\n',
    );
  });
});
