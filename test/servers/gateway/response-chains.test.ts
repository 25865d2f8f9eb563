import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';
import { sdkOf, start } from './response-stage.ts';
import { mock, seen, setUpStage, state } from './stage.ts';

setUpStage();

describe('a chain of responses', () => {
  it('sees what was said before, and the instructions of each response are its own', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one', instructions: 'First.' });
    const second = await sdk.responses.create({ input: 'two', previous_response_id: first.id });
    expect(seen()).toEqual(['system: Be brief.', 'user: one', 'assistant: one', 'user: two']);
    expect(second.instructions).toBeNull();
    expect(second.conversation).toEqual(first.conversation);
  });

  it('forks when it goes on from an older response, and neither branch sees the other', async () => {
    const sdk = sdkOf(await start());
    const root = await sdk.responses.create({ input: 'root' });
    const left = await sdk.responses.create({ input: 'left', previous_response_id: root.id });
    const right = await sdk.responses.create({ input: 'right', previous_response_id: root.id });
    expect(seen()).toEqual(['system: Be brief.', 'user: root', 'assistant: root', 'user: right']);
    expect(right.conversation?.id).not.toBe(left.conversation?.id);
    await sdk.responses.create({ input: 'more', previous_response_id: right.id });
    expect(seen()?.slice(3)).toEqual(['user: right', 'assistant: right', 'user: more']);
    await sdk.responses.create({ input: 'more', previous_response_id: left.id });
    expect(seen()?.slice(3)).toEqual(['user: left', 'assistant: left', 'user: more']);
  });

  it('answers two that go on from one response at once, each in a branch of its own', async () => {
    const [one, two] = [sdkOf(await start()), sdkOf(await start())];
    const root = await one.responses.create({ input: 'root' });
    const gate = Promise.withResolvers<void>();
    mock.always({ kind: 'answer', after: gate.promise });
    const both = [one, two].map((sdk, at) => sdk.responses.create({ input: `b${at}`, previous_response_id: root.id }));
    await waitFor('both to be asked', () => mock.requests.length === 3);
    gate.resolve();
    const [left, right] = await Promise.all(both);
    expect([left?.output_text, right?.output_text]).toEqual(['b0', 'b1']);
    expect(left?.conversation?.id).not.toBe(right?.conversation?.id);
    for (const request of mock.requests.slice(1)) expect(request.body.messages).toHaveLength(4);
  });

  it('goes on after one in its middle was deleted', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    const second = await sdk.responses.create({ input: 'two', previous_response_id: first.id });
    const third = await sdk.responses.create({ input: 'three', previous_response_id: second.id });
    await sdk.responses.delete(second.id);
    await sdk.responses.create({ input: 'four', previous_response_id: third.id });
    expect(seen()?.filter((line) => line.startsWith('user'))).toEqual([
      'user: one',
      'user: two',
      'user: three',
      'user: four',
    ]);
    expect((await sdk.responses.retrieve(third.id)).previous_response_id).toBe(second.id);
  });

  it('ends with its session', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    await state.rows('delete from sessions');
    await expect(sdk.responses.retrieve(first.id)).rejects.toMatchObject({ code: 'response_not_found' });
    await expect(sdk.responses.create({ input: 'two', previous_response_id: first.id })).rejects.toMatchObject({
      code: 'response_not_found',
    });
  });

  it('does not go on from a response that is still at work, or that failed', async () => {
    const gateway = await start();
    const sdk = sdkOf(gateway);
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', after: gate.promise });
    const working = sdk.responses.create({ input: 'one' });
    await waitFor('the model to be asked', () => mock.requests.length === 1);
    const idOf = async () => {
      const [row] = await state.rows<{ id: string }>('select id from responses order by created_at desc limit 1');
      return `resp_${row?.id.replaceAll('-', '')}`;
    };
    const id = await idOf();
    expect(await sdk.responses.retrieve(id)).toMatchObject({ status: 'in_progress', output: [], usage: null });
    await expect(sdk.responses.create({ input: 'two', previous_response_id: id })).rejects.toMatchObject({
      status: 409,
      code: 'session_busy',
      param: 'previous_response_id',
    });
    gate.resolve();
    await working;
    mock.next({ kind: 'fail', status: 400, message: 'no such model' });
    await expect(sdk.responses.create({ input: 'lost' })).rejects.toMatchObject({ status: 502, code: 'model_failed' });
    const failed = await sdk.responses.retrieve(await idOf());
    expect(failed).toMatchObject({ status: 'failed', output: [] });
    expect(failed.error).toMatchObject({ code: 'model_failed', message: expect.stringContaining('no such model') });
    await expect(sdk.responses.create({ input: 'two', previous_response_id: failed.id })).rejects.toMatchObject({
      status: 400,
      param: 'previous_response_id',
    });
  });

  it('takes previous_response_id or conversation or the header, and not two of them', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    const conversation = first.conversation?.id ?? '';
    const both = { input: 'x', previous_response_id: first.id, conversation };
    await expect(sdk.responses.create(both)).rejects.toMatchObject({ status: 400, param: 'conversation' });
    const headers = { 'x-talaria-session-id': 'mine' };
    await expect(
      sdk.responses.create({ input: 'x', previous_response_id: first.id }, { headers }),
    ).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
    await expect(sdk.responses.create({ input: 'x', conversation }, { headers })).rejects.toMatchObject({
      status: 400,
    });
    for (const unknown of ['conv_1', `ses_${'0'.repeat(32)}`]) {
      await expect(sdk.responses.create({ input: 'x', conversation: unknown })).rejects.toMatchObject({
        status: 404,
        code: 'session_not_found',
      });
    }
    await sdk.responses.create({ input: 'two' }, { headers });
    await sdk.responses.create({ input: 'three' }, { headers });
    expect(seen()).toEqual(['system: Be brief.', 'user: two', 'assistant: two', 'user: three']);
  });
});

describe('a response that is not stored', () => {
  it('leaves nothing behind, and sees what it goes on from', async () => {
    const sdk = sdkOf(await start());
    const first = await sdk.responses.create({ input: 'one' });
    await sdk.responses.create({ input: 'two', previous_response_id: first.id });
    const loose = await sdk.responses.create({
      input: 'aside',
      instructions: 'In French.',
      previous_response_id: first.id,
      store: false,
    });
    expect(seen()).toEqual(['system: Be brief.\n\nIn French.', 'user: one', 'assistant: one', 'user: aside']);
    expect(loose).toMatchObject({ store: false, conversation: null, previous_response_id: first.id });
    await expect(sdk.responses.retrieve(loose.id)).rejects.toMatchObject({ status: 404 });
    expect(await state.rows('select count(*)::int as runs from runs')).toEqual([{ runs: 2 }]);
  });

  it('is refused in a session, which would keep it', async () => {
    const sdk = sdkOf(await start());
    const { conversation } = await sdk.responses.create({ input: 'one' });
    const asked = { input: 'x', conversation: conversation?.id ?? '', store: false };
    await expect(sdk.responses.create(asked)).rejects.toMatchObject({ status: 400, param: 'store' });
  });
});
