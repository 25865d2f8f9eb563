import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createChatClient } from '../../../../cli/chat/chat-client.ts';
import { converse } from '../../../../cli/chat/conversation.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { beginStream, endStream, type FakeGateway, failStream, fakeGateway } from './fake-gateway.ts';

let gateway: FakeGateway | undefined;
afterEach(() => gateway?.close());

const ctrlC = '\x03';
const ctrlD = '\x04';

/** A person at a terminal, who types and waits for what is shown. */
async function person(answer: Parameters<typeof fakeGateway>[0], onStop?: () => void) {
  gateway = await fakeGateway(answer, onStop);
  const [input, output, notes] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let said = '';
  let shown = '';
  output.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  notes.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const names = ['second', 'third'];
  const left = converse(
    createChatClient({ url: gateway.url, key: undefined }),
    { input, output, notes },
    { agent: 'coder', session: 'first', newSession: () => names.shift() ?? '' },
  );
  return {
    type: (text: string) => input.write(text),
    left,
    said: () => said,
    shown: () => shown,
    sees: (text: string) => waitFor(`"${text}" in the terminal`, () => `${said}${shown}`.includes(text)),
  };
}

function echo(response: Parameters<typeof endStream>[0], text: string): void {
  beginStream(response, text);
  endStream(response);
}

describe('a conversation', () => {
  it('goes on in one session until /new, and tells the last one in which something was said', async () => {
    const { type, sees, left, said } = await person((response, { body }) => {
      echo(response, `You said ${body.messages?.[0]?.content}`);
    });
    type('one\n');
    await sees('You said one');
    type('  two \n\n');
    await sees('You said two');
    type('/new\n');
    await sees('A new session: second');
    type('three\n');
    await sees('You said three');
    type('/new\n/quit\n');
    expect(await left).toBe('second');
    expect(gateway?.asked.map(({ session }) => session)).toEqual(['first', 'first', 'second']);
    expect(said()).toBe('You said one\nYou said two\nYou said three\n');
  });

  it('goes on after a refusal', async () => {
    let first = true;
    const { type, sees, left } = await person((response) => {
      if (!first) return echo(response, 'now');
      first = false;
      response.writeHead(503).end(JSON.stringify({ error: { code: 'state_unavailable', message: 'No database.' } }));
    });
    type('one\n');
    await sees('No database. (state_unavailable)');
    type('two\n');
    await sees('now');
    type(ctrlD);
    expect(await left).toBe('first');
  });

  it('knows its commands, and sends no other one to the agent', async () => {
    const { type, sees, left } = await person((response) => echo(response, 'x'));
    type('/help\n');
    await sees('Ctrl-C   stop the answer');
    type('/nwe\n');
    await sees('There is no command /nwe.');
    type('/quit\n');
    expect(await left).toBeUndefined();
    expect(gateway?.asked).toEqual([]);
  });

  it('stops the answer at the first Ctrl-C and goes on', async () => {
    let stopped: () => void = () => undefined;
    let first = true;
    const { type, sees, left, said } = await person(
      (response) => {
        if (!first) return echo(response, 'whole');
        first = false;
        beginStream(response, 'half');
        stopped = () => failStream(response, 'run_interrupted', 'It was stopped.');
      },
      () => stopped(),
    );
    type('one\n');
    await sees('half');
    type(ctrlC);
    await sees('(stopped)');
    type('two\n');
    await sees('whole');
    type(ctrlD);
    await left;
    expect(said()).toBe('half\nwhole\n');
  });

  it('leaves at the second Ctrl-C, also in the middle of an answer that does not end', async () => {
    const { type, sees, left } = await person((response) => beginStream(response, 'half'));
    type('one\n');
    await sees('half');
    type(ctrlC);
    await sees('Stopping');
    type(ctrlC);
    expect(await left).toBe('first');
  });

  it('drops what was typed at a Ctrl-C without an answer', async () => {
    const { type, sees, left } = await person((response, { body }) => {
      echo(response, `You said ${body.messages?.[0]?.content}`);
    });
    type(`rm -rf${ctrlC}`);
    await sees('Ctrl-C once more leaves.');
    type('hello\n');
    await sees('You said hello');
    type(`${ctrlC}${ctrlC}`);
    await left;
    expect(gateway?.asked).toHaveLength(1);
  });
});
