import { describe, expect, it } from 'vitest';
import { newId } from '../../../core/lib/id.ts';
import type { Database } from '../../../gateway/db/pool.ts';
import { recordVerdict } from '../../../gateway/delivery/record-verdict.ts';
import { storeDelivery } from '../delivery/stored-deliveries.ts';
import { say, served, sessions, start } from './chat-stage.ts';
import { asked, mock, queued, seen, setUpStage, state } from './stage.ts';

setUpStage();

interface Message {
  readonly agent?: string;
  readonly account?: string;
  readonly platform?: string;
  readonly chatId?: string;
  readonly threadId?: string;
}

/** Has a message sent to a chat, that of `say` unless said, as its sender does: recorded, with its place in a session. */
async function deliver(text: string, message: Message = {}): Promise<void> {
  const { agent = 'main', account = 'main/bot', platform = 'telegram', chatId = '7', threadId = '' } = message;
  const destination = { account, platform, chatId, threadId };
  const [line, worker] = [newId(), newId()];
  const id = await storeDelivery(state, { agent, text, line, kind: 'account', destination, status: 'sending' });
  await state.rows('update deliveries set worker = $2, attempts = 1 where id = $1', [id, worker]);
  const database = {
    prepared: async (_: string, statement: string, values: readonly unknown[]) => ({
      rows: await state.rows(statement, values),
    }),
  } as unknown as Database;
  const taken = {
    ...{ id, agent, line, worker, attempt: 1, counted: 1, sinceFirstMs: 0, agentUid: `uid-of-${agent}`, jobUid: '' },
    destination: { kind: 'account', ...destination },
    body: {
      type: 'talaria.run.completed',
      timestamp: '2026-01-01T00:00:00.000Z',
      data: { agent, runId: newId(), outcome: 'completed', text, part: 1, parts: 1 },
    },
    ...{
      target: 'deliver/chat' as const,
      keyScope: '',
      unsure: false,
      lastError: '',
      orphan: false,
      origin: '',
      takenAt: 0,
    },
  } as const;
  const receipt = { messageId: 'm1', threadId: '' };
  expect(await recordVerdict(database, taken, { status: 'sent', receipt })).toBe(true);
}

/** Makes all that was said and used that much older: a worker loses its lease when the clock jumps. */
async function older(minutes: number): Promise<void> {
  await state.rows('update sessions set last_active_at = last_active_at - make_interval(mins => $1)', [minutes]);
  await state.rows('update items set created_at = created_at - make_interval(mins => $1)', [minutes]);
}

const group = { chatType: 'group', chatId: '-5' } as const;

describe('what was delivered to a chat', () => {
  it('is seen by the turn of whoever answers it, in the order of time, and is not stored twice', async () => {
    const replica = await start();
    await deliver('The report: all is well.');
    await say(replica, 'is it?');
    expect(seen()).toEqual(['assistant: The report: all is well.', 'user: is it?']);
    await deliver('The second report.');
    await say(replica, 'and now?');
    expect(seen()).toEqual([
      ...['assistant: The report: all is well.', 'user: is it?', 'assistant: is it?'],
      ...['assistant: The second report.', 'user: and now?'],
    ]);
    expect((await sessions()).map(({ user_id }) => user_id)).toEqual(['', '7']);
    expect(await state.rows('select from items')).toHaveLength(6);
  });

  it('is seen by each user of a group that has a session for each, and by all of one that shares it', async () => {
    const replica = await start();
    await deliver('The report.', group);
    for (const userId of ['ann', 'bob']) {
      await say(replica, 'thanks', { ...group, userId });
      expect(seen()).toEqual(['assistant: The report.', 'user: thanks']);
    }
    await replica.serve(served({ groupScope: 'Chat' }));
    await say(replica, 'from all', { ...group, userId: 'cid' });
    expect(seen()).toEqual(['assistant: The report.', 'user: from all']);
  });

  it.each([
    ['User', 'direct'],
    ['Chat', 'channel'],
  ] as const)('is seen in a session of scope %s although the chat turns out to be a %s', async (scope, chatType) => {
    const replica = await start(served({ groupScope: scope }));
    const chat = { platform: 'discord', chatId: '1234' } as const;
    await deliver('first', chat);
    await deliver('second', chat);
    await say(replica, 'hello', { ...chat, chatType });
    expect(seen()).toEqual(['assistant: first', 'assistant: second', 'user: hello']);
    await deliver('third', chat);
    await say(replica, 'again', { ...chat, chatType });
    expect(seen()?.slice(2)).toEqual(['user: hello', 'assistant: hello', 'assistant: third', 'user: again']);
  });

  it('is not seen in another chat or thread, through another account, or by another agent', async () => {
    const replica = await start();
    const elsewhere: Message[] = [
      { chatId: '8' },
      { threadId: 't' },
      { account: 'main/second' },
      { platform: 'fake' },
      { agent: 'other' },
      { agent: 'other', account: 'other/bot' },
    ];
    for (const where of elsewhere) await deliver('not yours', where);
    await say(replica, 'hello');
    expect(seen()).toEqual(['user: hello']);
  });

  it('is seen as far as its newest twenty', async () => {
    const replica = await start();
    for (let number = 1; number <= 21; number += 1) await deliver(`${number}`);
    await say(replica, 'hello');
    expect(seen()?.slice(0, 2)).toEqual(['assistant: 2', 'assistant: 3']);
    expect(seen()).toHaveLength(21);
  });

  it('counts as messages of the history that the Agent bounds', async () => {
    const replica = await start(served({ maxHistoryMessages: 2 }));
    await deliver('one');
    await say(replica, 'two');
    await deliver('three');
    await say(replica, 'four');
    expect(seen()).toEqual(['assistant: two', 'assistant: three', 'user: four']);
  });

  it('is seen by a turn that waited for another of its session', async () => {
    const replica = await start();
    const gate = Promise.withResolvers<void>();
    mock.next({ kind: 'answer', text: 'one', after: gate.promise });
    const first = say(replica, 'one');
    await asked(1);
    const second = say(replica, 'two');
    await queued(1);
    await deliver('The report.');
    gate.resolve();
    await Promise.all([first, second]);
    expect(seen()).toEqual(['assistant: The report.', 'user: one', 'assistant: one', 'user: two']);
  });

  it('never parts a call from its result', async () => {
    const replica = await start();
    await say(replica, 'look it up');
    await deliver('The report.');
    // As a turn leaves it that called a tool and took its time: the message came before it ended.
    const [asked] = await state.rows<{ run_id: string }>('select run_id from items where seq = 1 limit 1');
    await state.rows(
      `update items set created_at = created_at + interval '1 hour'
       where run_id = $1 and seq = (select max(seq) from items where run_id = $1)`,
      [asked?.run_id],
    );
    await say(replica, 'well?');
    expect(seen()).toEqual(['user: look it up', 'assistant: look it up', 'assistant: The report.', 'user: well?']);
  });

  it('leaves /retry its message, and is not deleted by it', async () => {
    const replica = await start();
    await say(replica, 'one');
    await deliver('The report.');
    await say(replica, '/retry');
    expect(seen()).toEqual(['user: one']);
    await say(replica, 'two');
    expect(seen()).toEqual(['user: one', 'assistant: The report.', 'assistant: one', 'user: two']);
  });
});

describe('a chat that all share', () => {
  it('keeps what was delivered to it when a message is answered again', async () => {
    const replica = await start(served({ groupScope: 'Chat' }));
    await say(replica, 'one', group);
    await deliver('The report.', group);
    await say(replica, '/retry', group);
    await say(replica, 'two', group);
    expect(seen()).toEqual(['user: one', 'assistant: The report.', 'assistant: one', 'user: two']);
  });
});

describe('a chat that all share and that was quiet for longer than its Agent says', () => {
  const all = { ...group, userId: 'ann' };
  const idle = () => served({ groupScope: 'Chat', idleResetSeconds: 3_600 });

  it('begins a new session although messages were delivered meanwhile, which the new one has', async () => {
    const replica = await start(idle());
    await deliver('before', group);
    await say(replica, 'one', all);
    await older(61);
    await deliver('first', group);
    await deliver('second', group);
    await say(replica, 'two', all);
    expect(seen()).toEqual(['assistant: first', 'assistant: second', 'user: two']);
    await say(replica, 'three', all);
    expect(seen()).toEqual([
      ...['assistant: first', 'assistant: second', 'user: two', 'assistant: two', 'user: three'],
    ]);
    expect((await sessions()).map(({ live }) => live)).toEqual([false, true]);
  });

  it('with /new has nothing of what was delivered before', async () => {
    const replica = await start(idle());
    await say(replica, 'one', all);
    await deliver('old', group);
    await say(replica, '/new', all);
    await say(replica, 'two', all);
    expect(seen()).toEqual(['user: two']);
  });
});
