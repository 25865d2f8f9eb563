import { readChatBody } from './chat-body.ts';

/** Feature of a chat completion -> whether this version acts on it, as the reader of bodies itself says. */
export function chatFeatures(): Readonly<Record<string, boolean>> {
  return Object.fromEntries(Object.entries(samples).map(([feature, body]) => [feature, isRead(body)]));
}

function isRead(body: object): boolean {
  try {
    readChatBody({ messages: [{ role: 'user', content: 'x' }], ...body });
    return true;
  } catch {
    return false;
  }
}

const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object' } } };
const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } };
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } };
const audio = { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } };

/** For each feature a body that asks for it. */
const samples: Readonly<Record<string, object>> = {
  stream: { stream: true },
  stream_usage: { stream: true, stream_options: { include_usage: true } },
  tools: { tools: [tool] },
  tool_results: {
    tools: [tool],
    messages: [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c', content: 'y' },
    ],
  },
  images: { messages: [{ role: 'user', content: [image] }] },
  audio: { messages: [{ role: 'user', content: [audio] }] },
  response_format: { response_format: { type: 'json_object' } },
  several_choices: { n: 2 },
  logprobs: { logprobs: true },
};
