import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createChatClient } from '../../../../cli/chat/chat-client.ts';
import { say } from '../../../../cli/chat/say.ts';
import { explainFailure } from '../../../../cli/remote/failures.ts';
import { beginStream, endStream, type FakeGateway, failStream, fakeGateway } from './fake-gateway.ts';

let gateway: FakeGateway | undefined;
afterEach(() => gateway?.close());

const question = { agent: 'coder', session: 'plan b', text: 'Why?' };

/** The end of the turn, or the line that explains its failure, and what was printed. */
async function turnWith(answer: Parameters<typeof fakeGateway>[0]) {
  gateway = await fakeGateway(answer);
  const output = new PassThrough();
  const turn = say(createChatClient({ url: gateway.url, key: 'k' }), question, output);
  const end = await turn.ended.catch((error: unknown) => explainFailure(error).text);
  output.end();
  return { end, printed: await text(output) };
}

describe('one turn of a chat', () => {
  it('asks the agent in the session and prints the answer with one line break at its end', async () => {
    const { end, printed } = await turnWith((response) => {
      beginStream(response, 'Be', 'cause.');
      endStream(response);
    });
    expect({ end, printed }).toEqual({ end: { stopped: false, note: '' }, printed: 'Because.\n' });
    expect(gateway?.asked).toMatchObject([
      {
        method: 'POST',
        path: '/v1/chat/completions',
        session: 'plan%20b',
        body: { model: 'talaria/coder', messages: [{ role: 'user', content: 'Why?' }] },
      },
    ]);
  });

  it('shows what a terminal would obey instead of sending it there, and keeps line breaks that two pieces share', async () => {
    const { printed } = await turnWith((response) => {
      beginStream(response, 'a\u001b[2J', 'b\r', '\nc\r', 'd\u0007\n');
      endStream(response);
    });
    expect(printed).toBe('a\ufffd[2Jb\nc\ufffdd\ufffd\n');
  });

  it('says that the model ran out of tokens', async () => {
    const { end } = await turnWith((response) => {
      beginStream(response, 'x');
      endStream(response, 'length');
    });
    expect(end).toMatchObject({ note: expect.stringContaining('maxOutputTokens') });
  });

  it('tells a refusal in one line with its code', async () => {
    const { end } = await turnWith((response) => {
      response
        .writeHead(503)
        .end(JSON.stringify({ error: { code: 'agent_not_ready', message: 'A Secret is missing.' } }));
    });
    expect(end).toBe('A Secret is missing. (agent_not_ready)');
  });

  it('keeps what had come when the turn fails, and tells why', async () => {
    const { end, printed } = await turnWith((response) => {
      beginStream(response, 'half');
      failStream(response, 'model_error', 'The model failed.');
    });
    expect({ end, printed }).toEqual({ end: 'The model failed. (model_error)', printed: 'half\n' });
  });

  it('does not take an answer that breaks off for a whole one', async () => {
    const { end, printed } = await turnWith((response) => {
      beginStream(response, 'half');
      response.end();
    });
    expect({ end, printed }).toEqual({ end: expect.stringContaining('its answer broke off'), printed: 'half\n' });
  });

  it('is stopped as a run, so that what had come is kept', async () => {
    let stopped: () => void = () => undefined;
    gateway = await fakeGateway(
      (response) => {
        beginStream(response, 'half');
        stopped = () => failStream(response, 'run_interrupted', 'It was stopped.');
      },
      () => stopped(),
    );
    const output = new PassThrough();
    const turn = say(createChatClient({ url: gateway.url, key: undefined }), question, output);
    output.once('data', turn.stop);
    expect(await turn.ended).toEqual({ stopped: true, note: 'stopped' });
    expect(gateway.asked.map(({ path }) => path)).toEqual(['/v1/chat/completions', '/v1/runs/run_1/stop']);
  });

  it('is left when it is stopped before the gateway has answered', async () => {
    gateway = await fakeGateway(() => undefined);
    const turn = say(createChatClient({ url: gateway.url, key: undefined }), question, new PassThrough());
    turn.stop();
    expect(await turn.ended).toEqual({ stopped: true, note: 'stopped' });
  });
});
