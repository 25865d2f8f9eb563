import { expect, it } from 'vitest';
import { TalariaError } from '../../../../core/lib/errors.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import { RunStopped } from '../../../../gateway/runs/request-stop.ts';
import { assistantMessage } from '../../../../gateway/sessions/items.ts';
import { completedOutcome, endingOf } from '../../../../gateway/turns/outcome.ts';
import { createProgress } from '../../../../gateway/turns/progress.ts';
import { configuration } from '../../../harness/entries.ts';

const table = await buildTable(configuration({ agents: [{ name: 'main' }] }));
const run = { id: '01890000-0000-7000-8000-000000000001', agent: 'main' };
const output = [assistantMessage('first'), assistantMessage('last')];
const result = {
  output,
  finishReason: 'stop',
  usage: { inputTokens: 1, outputTokens: 2 },
  model: 'm',
  cost: undefined,
};

it('a completed turn sends what it said last, to each target that was asked for', () => {
  const { outbox = [], ...outcome } = completedOutcome(
    run,
    { deliver: [{ log: true }, { log: true }], table },
    result,
    0,
  );
  expect(outcome).toEqual({ status: 'completed', ...result });
  expect(outbox.map(({ target, data }) => [target, data.data.text])).toEqual([
    ['deliver/0', 'last'],
    ['deliver/1', 'last'],
  ]);
});

it('a completed turn for which nothing was asked sends nothing', () => {
  expect(completedOutcome(run, { table }, result, 0).outbox).toEqual([]);
});

it('what a turn said is kept up to 8 Mi characters, and says where it was cut', () => {
  const long = assistantMessage('x'.repeat(20 * 1024 * 1024));
  const kept = completedOutcome(run, { table }, { ...result, output: [long] }, 0).output;
  expect(JSON.stringify(kept).length).toBeLessThan(9 * 1024 * 1024);
  expect(JSON.stringify(kept)).toContain('it is cut here');
});

it('a turn that was asked to stop keeps what it had said, and says why', () => {
  const progress = createProgress(undefined);
  progress.onEvent({ type: 'text', id: 'msg_1', text: 'half an ans' });
  expect(endingOf(new RunStopped('it was asked to stop'), progress)).toEqual({
    status: 'cancelled',
    errorCode: 'run_interrupted',
    errorMessage: 'it was asked to stop',
    output: [assistantMessage('half an ans', 'incomplete', 'msg_1')],
  });
});

it('a turn that failed tells a known error as it is, and of an unforeseen one only that its log has it', () => {
  const progress = createProgress(undefined);
  const known = endingOf(new TalariaError('model_failed', 'The model answered 500.'), progress);
  expect(known).toEqual({ status: 'failed', errorCode: 'model_failed', errorMessage: 'The model answered 500.' });
  const unforeseen = endingOf(new Error('password=hunter2'), progress);
  expect(unforeseen).toMatchObject({ status: 'failed', errorCode: 'internal_error' });
  expect(JSON.stringify(unforeseen)).not.toContain('hunter2');
});
