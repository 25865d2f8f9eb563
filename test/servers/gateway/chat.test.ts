import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../../core/route/envelope.ts';
import type { ChatReplica } from './chat-replica.ts';
import { say, served, sessions, start } from './chat-stage.ts';
import { mock, seen, setUpStage, state } from './stage.ts';

setUpStage();

describe('a message of a chat', () => {
  it('is answered by the Agent whose account it came to, and remembered in a session of that chat', async () => {
    const [left, right] = [await start(), await start()];
    expect(await say(left, 'one')).toMatchObject({ kind: 'answer', text: 'one', agent: 'main' });
    expect(await say(right, 'two')).toMatchObject({ kind: 'answer', text: 'two', agent: 'main' });
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
    expect(await state.rows('select agent, trigger, status, principal from runs')).toEqual(
      Array(2).fill({ agent: 'main', trigger: 'chat', status: 'completed', principal: '' }),
    );
    expect(await state.rows('select platform, account, chat_type, chat_id, user_id, principal from sessions')).toEqual([
      { platform: 'telegram', account: 'main/bot', chat_type: 'direct', chat_id: '7', user_id: '7', principal: '' },
    ]);
  });

  it('goes where a rule sends it, if the account is shared', async () => {
    const routes = { r: [{ match: { platform: 'telegram', chatId: '7' }, to: 'other' }] };
    const replica = await start(served({}, { routes }));
    await expect(say(replica, 'one')).rejects.toMatchObject({ code: 'account_not_shared' });
    const account = {
      name: 'bot',
      platform: 'telegram',
      shared: true,
      onAmbiguous: 'Park',
      settings: {},
      credentials: {},
    };
    const [main, other] = served().agents ?? [];
    if (!main || !other) throw new Error('two agents');
    await replica.serve({ agents: [{ ...main, accounts: [account as never] }, other], routes });
    expect(await say(replica, 'one')).toMatchObject({ agent: 'other' });
  });

  it('with an image shows it to the model', async () => {
    const replica = await start();
    await say(replica, 'look', { parts: [{ type: 'input_image', imageUrl: 'https://images.example/cat.png' }] });
    expect(mock.requests[0]?.body.messages[0]?.content).toEqual([
      { type: 'text', text: 'look' },
      { type: 'image_url', image_url: { url: 'https://images.example/cat.png' } },
    ]);
  });

  it('begins a new session after the chat was quiet for as long as the Agent says', async () => {
    const replica = await start(served({ idleResetSeconds: 3_600 }));
    await say(replica, 'one');
    // A worker loses its lease when the clock jumps, so it is the session that is made older.
    await state.rows(`update sessions set last_active_at = last_active_at - interval '59 minutes'`);
    await say(replica, 'two');
    expect(seen()).toEqual(['user: one', 'assistant: one', 'user: two']);
    await state.rows(`update sessions set last_active_at = last_active_at - interval '61 minutes'`);
    await say(replica, 'three');
    expect(seen()).toEqual(['user: three']);
    expect((await sessions()).map(({ live }) => live)).toEqual([false, true]);
  });
});

describe('who shares a session', () => {
  const group = { chatType: 'group', chatId: 'g' } as const;
  const thread = { ...group, threadId: 't' };
  const users = async (replica: ChatReplica, where: Partial<Envelope>) => {
    for (const userId of ['ann', 'bob']) await say(replica, userId, { ...where, userId });
    return (await sessions()).map(({ user_id }) => user_id);
  };

  it('in a group: each user has one of their own by default', async () => {
    expect(await users(await start(), group)).toEqual(['ann', 'bob']);
    expect(seen()).toEqual(['user: bob']);
  });

  it('in a group with groupScope Chat: everybody', async () => {
    expect(await users(await start(served({ groupScope: 'Chat' })), group)).toEqual(['']);
    expect(seen()).toEqual(['user: ann', 'assistant: ann', 'user: bob']);
  });

  it('in a thread: everybody by default, apart from the chat around it', async () => {
    const replica = await start(served({ groupScope: 'Chat' }));
    expect(await users(replica, thread)).toEqual(['']);
    await say(replica, 'outside', group);
    expect(seen()).toEqual(['user: outside']);
  });

  it('in a thread with threadScope User: each user has one of their own', async () => {
    expect(await users(await start(served({ threadScope: 'User' })), thread)).toEqual(['ann', 'bob']);
  });

  it.each([
    ['Chat', group, ['']],
    ['User', thread, ['ann', 'bob']],
  ] as const)('a rule’s scope %s comes before the Agent’s', async (sessionScope, where, expected) => {
    const routes = { r: [{ match: { platform: 'telegram' }, to: 'main', sessionScope }] };
    expect(await users(await start(served({}, { routes })), where)).toEqual(expected);
  });

  it('never two chats whose ids look alike', async () => {
    const replica = await start();
    const alike: Partial<Envelope>[] = [
      { chatId: 'a:b', threadId: '' },
      { chatId: 'a', threadId: 'b' },
      { chatId: 'a', userId: 'b' },
      { chatId: 'a', userId: 'b', chatType: 'channel' },
      { chatId: 'a', userId: 'b', platform: 'slack' },
      { chatId: 'a', userId: 'b', account: 'main/second' },
    ];
    for (const each of alike) {
      await say(replica, 'x', each);
      expect(seen()).toEqual(['user: x']);
    }
    expect(await sessions()).toHaveLength(alike.length);
  });
});
