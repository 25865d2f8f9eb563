import { describe, expect, it } from 'vitest';
import { call, create, events, start } from './run-calls.ts';
import { mock, setUpStage } from './stage.ts';

setUpStage();

describe('the events of a run', () => {
  it('tell what it says, in order, and end with the run', async () => {
    const gateway = await start();
    mock.next({ kind: 'answer', text: 'one two three four', pauseMs: 60 });
    const { id } = await create(gateway, 'count');
    const all = await events(gateway, id);
    expect(all[0]?.type).toBe('run.started');
    expect(all.map((event) => event.data.delta ?? '').join('')).toBe('one two three four');
    expect(all.at(-1)).toMatchObject({
      type: 'run.completed',
      data: { run: { id, output_text: 'one two three four' } },
    });
    expect(all.map((event) => event.id)).toEqual(all.map((event) => event.id).toSorted((a, b) => a - b));
    expect(new Set(all.map((event) => event.id)).size).toBe(all.length);
  });

  it('go on from Last-Event-ID, on another replica, also after the end', async () => {
    const [a, b] = [await start(), await start()];
    mock.next({ kind: 'answer', text: 'one two three', pauseMs: 60 });
    const { id } = await create(a, 'count');
    const [live, other] = await Promise.all([events(a, id), events(b, id)]);
    expect(other).toEqual(live);
    for (const from of [0, 1, live.length - 2]) {
      expect(await events(b, id, from)).toEqual(live.filter((event) => event.id > from));
    }
    expect(await events(b, id, live.at(-1)?.id)).toEqual([]);
  });

  it('are merged and bounded, however much it says', async () => {
    const gateway = await start();
    mock.next({ kind: 'answer', text: 'word '.repeat(20_000) });
    const { id } = await create(gateway, 'much');
    const all = await events(gateway, id);
    expect(all.at(-1)?.data.run?.output_text).toHaveLength(100_000);
    expect(all.length).toBeLessThan(100);
    expect(all.map((event) => event.data.delta ?? '').join('')).toBe('word '.repeat(20_000));
  });

  it('refuse an id that is none', async () => {
    const gateway = await start();
    const { id } = await create(gateway, 'x');
    const answer = await call(gateway, 'GET', `/v1/runs/${id}/events`, { headers: { 'last-event-id': 'x' } });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_header' } } });
  });
});
