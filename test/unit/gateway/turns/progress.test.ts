import { describe, expect, it } from 'vitest';
import { functionCall, functionCallOutput, openCalls } from '../../../../gateway/sessions/items.ts';
import { createProgress } from '../../../../gateway/turns/progress.ts';

const call = (id: string) => functionCall({ id, type: 'function', function: { name: 'search', arguments: '{}' } });

describe('what is kept of a turn that is interrupted', () => {
  it('is its message as far as it came, marked incomplete, under the id that its client saw', () => {
    const progress = createProgress(undefined);
    for (const text of ['half ', 'an answer']) progress.onEvent({ type: 'text', id: 'msg_1', text });
    expect(progress.interrupted()).toMatchObject([
      { type: 'message', id: 'msg_1', status: 'incomplete', content: [{ text: 'half an answer' }] },
    ]);
  });

  it('has a result that says so for every call that was open, and the results that were there', () => {
    const progress = createProgress(undefined);
    const [done, open] = [call('call_1'), call('call_2')];
    const result = functionCallOutput('call_1', 'found');
    for (const item of [done, open, result]) progress.onEvent({ type: 'item', item });
    const kept = progress.interrupted();
    expect(openCalls(kept)).toEqual([]);
    expect(kept).toEqual(expect.arrayContaining([done, open, result]));
    expect(kept.find((item) => item.type === 'function_call_output' && item.call_id === 'call_2')).toMatchObject({
      output: '{"error":"The call was not answered."}',
    });
  });

  it('is nothing when it had said nothing', () => {
    expect(createProgress(undefined).interrupted()).toEqual([]);
  });
});
