import { expect, it } from 'vitest';
import { possibleChatTypes } from '../../../../core/route/chat-type.ts';

it.each([
  ['telegram', '12345', ['direct']],
  ['telegram', '-10012345', ['group', 'channel']],
  ['telegram', '@news', ['group', 'channel']],
  ['slack', 'D0123', ['direct']],
  ['slack', 'C0123', ['group', 'channel']],
  ['matrix', '!room:example.org', ['group', 'channel', 'direct']],
])('a chat of %s with the id %s may be %j', (platform, chatId, types) => {
  expect(possibleChatTypes({ platform, chatId })).toEqual(types);
});
