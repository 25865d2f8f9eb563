import { describe, expect, it } from 'vitest';
import { errorTable } from '../../../../core/lib/errors.ts';
import { runError, runErrorOf } from '../../../../gateway/runs/run-error.ts';

describe('what a client is told of a run that did not complete', () => {
  it.each([
    ['cancelled', 'run_interrupted', 'it was asked to stop'],
    ['cancelled', 'session_busy', 'it waited in vain for its session'],
    ['cancelled', 'state_unavailable', 'the answer to its begin was lost'],
    ['unknown', 'run_unknown', 'the worker of the run died'],
  ] as const)('%s by %s: what happened, why, and the cure', (status, code, reason) => {
    const told = runErrorOf(status, { code, message: reason });
    expect(told).toEqual({ code, message: expect.stringContaining(`: ${reason}. ${errorTable[code].cure}`) });
  });

  it('is a message of the turn’s own as it is', () => {
    const own = { code: 'model_failed', message: 'The model answered 500. Look at its status.' };
    expect(runErrorOf('failed', own)).toEqual(own);
  });

  it('is what the code means where nothing more is known', () => {
    const { means, cure } = errorTable.run_unknown;
    expect(runErrorOf('unknown', undefined)).toEqual({ code: 'run_unknown', message: `${means} ${cure}` });
    expect(runErrorOf('unknown', { code: 'run_interrupted', message: '' })?.code).toBe('run_unknown');
  });

  it('has a code of the API for one that it does not know', () => {
    expect(runErrorOf('failed', { code: 'run_timeout', message: 'It took too long.' })?.code).toBe('model_failed');
  });

  it('is nothing while nothing went wrong', () => {
    expect(runErrorOf('completed', undefined)).toBeUndefined();
  });

  it('never invites to repeat it', () => {
    expect(runError('run_interrupted', 'it was asked to stop').effectStarted).toBe(true);
  });
});
