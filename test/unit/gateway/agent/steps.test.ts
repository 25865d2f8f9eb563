import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deadline } from '../../../../core/lib/deadline.ts';
import type { AgentEntry } from '../../../../core/snapshot/schema.ts';
import { createModels, type Models } from '../../../../gateway/agent/models/models.ts';
import { type Steps, type StepsResult, type TurnEvent, takeSteps } from '../../../../gateway/agent/steps.ts';
import type { Tool } from '../../../../gateway/agent/tools/tool.ts';
import { createEgressPolicy } from '../../../../gateway/egress.ts';
import { type AgentFields, configuration } from '../../../harness/entries.ts';
import { type MockModel, startMockModel } from '../../../harness/mock-model.ts';

let mock: MockModel;
let models: Models;
beforeAll(() => {
  models = createModels({
    egress: createEgressPolicy({ kind: 'models', allow: ['127.0.0.1'], privateNetworks: true }),
  });
});
afterAll(() => models.stop());
beforeEach(async () => {
  mock = await startMockModel();
});
afterEach(() => mock.stop());

const clientTool = { name: 'ask_user' };
const look: Tool = { name: 'look', run: async ({ where }) => `nothing ${String(where)}` };

describe('a turn', () => {
  it('without tools is one call of the model', async () => {
    mock.next({ kind: 'answer', text: 'hello' });
    const result = await take({});
    expect(brief(result)).toEqual(['assistant: hello']);
    expect(result).toMatchObject({ finishReason: 'stop', model: 'm', usage: { inputTokens: 2, outputTokens: 1 } });
    expect(mock.requests[0]?.body).not.toHaveProperty('tools');
  });

  it('runs the agent’s own tools and asks again with what they gave', async () => {
    mock.next(
      {
        kind: 'tools',
        text: 'one moment',
        calls: [call('a', 'look', { where: 'here' }), call('b', 'look', { where: 'there' })],
      },
      { kind: 'answer', text: 'there is nothing' },
    );
    const result = await take({ ownTools: [look], clientTools: [clientTool] });
    expect(brief(result)).toEqual([
      'assistant: one moment',
      'call a look {"where":"here"}',
      'call b look {"where":"there"}',
      'output a nothing here',
      'output b nothing there',
      'assistant: there is nothing',
    ]);
    expect(result.finishReason).toBe('stop');
    expect(mock.requests[1]?.body.messages).toMatchObject([
      { role: 'user', content: 'look around' },
      {
        role: 'assistant',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'look', arguments: '{"where":"here"}' } },
          { id: 'b', type: 'function', function: { name: 'look', arguments: '{"where":"there"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: 'nothing here' },
      { role: 'tool', tool_call_id: 'b', content: 'nothing there' },
    ]);
  });

  it('counts the tokens of all its calls, and of each model apart', async () => {
    const fallback = { ...agentOf({}).model, name: 'spare' };
    mock.next(
      { kind: 'tools', text: 'one moment', calls: [call('a', 'look', {})] },
      { kind: 'fail', status: 400 },
      { kind: 'answer', text: 'nothing at all' },
    );
    const result = await take({ agent: agentOf({ model: { fallbacks: [fallback] } }), ownTools: [look] });
    expect(result.model).toBe('spare');
    const [own, spare] = [result.usageByModel.get('m'), result.usageByModel.get('spare')];
    expect(own).toEqual({ inputTokens: 2, outputTokens: 2 });
    expect(spare).toMatchObject({ outputTokens: 3 });
    expect(result.usage).toEqual({
      inputTokens: 2 + (spare?.inputTokens ?? 0),
      outputTokens: 5,
    });
  });

  it('ends with a call of a function of the client, which is the client’s to answer', async () => {
    mock.next({ kind: 'tools', calls: [call('a', 'ask_user', { q: 1 })] });
    const result = await take({ ownTools: [look], clientTools: [clientTool] });
    expect(brief(result)).toEqual(['call a ask_user {"q":1}']);
    expect(result.finishReason).toBe('tool_calls');
    expect(mock.requests).toHaveLength(1);
  });

  it('answers its own calls and leaves the client’s open when the model makes both at once', async () => {
    mock.next({ kind: 'tools', calls: [call('a', 'ask_user', {}), call('b', 'look', { where: 'here' })] });
    const result = await take({ ownTools: [look], clientTools: [clientTool] });
    expect(brief(result)).toEqual(['call a ask_user {}', 'call b look {"where":"here"}', 'output b nothing here']);
    expect(result.finishReason).toBe('tool_calls');
    expect(mock.requests).toHaveLength(1);
  });

  it('ends in an answer after maxSteps: the last step may call nothing', async () => {
    mock.next(
      { kind: 'tools', calls: [call('a', 'look', {})] },
      { kind: 'tools', calls: [call('b', 'look', {})] },
      { kind: 'answer', text: 'enough' },
    );
    const result = await take({ agent: agentOf({ tools: { maxSteps: 3 } }), ownTools: [look] });
    expect(brief(result).at(-1)).toBe('assistant: enough');
    expect(mock.requests.map(({ body }) => body.tool_choice)).toEqual([undefined, undefined, 'none']);
  });

  it('forces a call in its first step only', async () => {
    mock.next({ kind: 'tools', calls: [call('a', 'look', {})] }, { kind: 'answer', text: 'done' });
    await take({
      ownTools: [look],
      clientTools: [clientTool],
      parameters: { toolChoice: 'required', temperature: 0.5 },
    });
    expect(mock.requests.map(({ body }) => body.tool_choice)).toEqual(['required', 'auto']);
    expect(mock.requests.map(({ body }) => body.temperature)).toEqual([0.5, 0.5]);
  });

  it('that may call nothing may never', async () => {
    mock.next({ kind: 'answer', text: 'done' });
    await take({ ownTools: [look], parameters: { toolChoice: 'none' } });
    expect(mock.requests[0]?.body.tool_choice).toBe('none');
  });

  it('cut off by its length is told to be incomplete', async () => {
    const body = '{"choices":[{"message":{"content":"ha"},"finish_reason":"length"}]}';
    mock.next({ kind: 'raw', contentType: 'application/json', pieces: [body] });
    expect((await take({})).output).toMatchObject([{ type: 'message', status: 'incomplete' }]);
  });
});

describe('a tool that does not give what it should', () => {
  const failing: Tool = {
    name: 'look',
    run: async () => {
      throw new Error('the lamp is broken');
    },
  };

  it.each([
    ['fails', failing, '{}', /the lamp is broken/],
    ['gets no JSON', look, '{"where"', /arguments are not a JSON object/],
    ['gets a list', look, '[1]', /arguments are not a JSON object/],
    ['needs an approval, and nobody can be asked', { ...look, requiresApproval: true }, '{}', /needs an approval/],
  ])('because it %s: the model is told and goes on', async (_what, tool, written, message) => {
    mock.next({ kind: 'tools', calls: [call('a', 'look', written)] }, { kind: 'answer', text: 'I could not' });
    const result = await take({ ownTools: [tool] });
    expect(brief(result).at(-1)).toBe('assistant: I could not');
    const told = mock.requests[1]?.body.messages.at(-1);
    expect(told).toMatchObject({ role: 'tool', content: expect.stringMatching(message) });
  });

  it('because it gives without end: the model reads the beginning', async () => {
    mock.next({ kind: 'tools', calls: [call('a', 'look', {})] }, { kind: 'answer', text: 'much' });
    await take({ ownTools: [{ ...look, run: async () => 'x'.repeat(1024 * 1024) }] });
    expect(String(mock.requests[1]?.body.messages.at(-1)?.content)).toHaveLength(256 * 1024);
  });
});

describe('a tool that needs an approval', () => {
  it.each([
    ['runs once it is approved', 'approved', 'nothing here', 1],
    ['does not run when it is denied', 'denied', '{"error":"The call failed: the call was not approved."}', 0],
  ] as const)('%s', async (_what, approval, output, runs) => {
    const asked: string[] = [];
    let ran = 0;
    const tool: Tool = {
      ...look,
      requiresApproval: true,
      run: async (input, context) => {
        ran += 1;
        return await look.run(input, context);
      },
    };
    mock.next({ kind: 'tools', calls: [call('a', 'look', { where: 'here' })] }, { kind: 'answer', text: 'done' });
    const result = await take({
      ownTools: [tool],
      askApproval: async ({ id }) => {
        asked.push(id);
        return approval;
      },
    });
    expect(asked).toEqual(['a']);
    expect(ran).toBe(runs);
    expect(brief(result)).toContain(`output a ${output}`);
  });
});

describe('a turn that is aborted', () => {
  it('during a tool ends with the signal’s reason, and the model is not asked again', async () => {
    const controller = new AbortController();
    const tool: Tool = {
      name: 'look',
      run: (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')));
          controller.abort(new Error('the client has gone'));
        }),
    };
    mock.next({ kind: 'tools', calls: [call('a', 'look', {})] });
    await expect(take({ ownTools: [tool], limit: deadline(60_000, controller.signal) })).rejects.toThrow(
      'the client has gone',
    );
    expect(mock.requests).toHaveLength(1);
  });

  it('while it waits for an approval ends with the signal’s reason, and the tool does not run', async () => {
    const controller = new AbortController();
    let ran = false;
    const run = async () => {
      ran = true;
      return '';
    };
    mock.next({ kind: 'tools', calls: [call('a', 'look', {})] });
    const askApproval = async () => {
      controller.abort(new Error('stopped'));
      return 'approved' as const;
    };
    const tool: Tool = { name: 'look', requiresApproval: true, run };
    await expect(take({ ownTools: [tool], askApproval, limit: deadline(60_000, controller.signal) })).rejects.toThrow(
      'stopped',
    );
    expect(ran).toBe(false);
  });
});

describe('what a client sees of a turn as it goes', () => {
  it('is text in pieces and every item, with the same ids', async () => {
    mock.next(
      { kind: 'tools', text: 'one moment', calls: [call('a', 'look', {})] },
      { kind: 'answer', text: 'there is nothing' },
    );
    const { events, result } = await watch({ ownTools: [look] });
    expect(events.flatMap((event) => (event.type === 'item' ? [event.item] : []))).toEqual(result.output);
    const messages = result.output.filter(({ type }) => type === 'message');
    expect(messages.map(({ id }) => textOf(events, id))).toEqual(['one moment', 'there is nothing']);
    expect(
      events.filter(({ type }) => type === 'call'),
      'own calls are not the client’s',
    ).toEqual([]);
  });

  it('is its own calls in pieces, counted from nought', async () => {
    mock.next({ kind: 'tools', calls: [call('a', 'look', {}), call('b', 'ask_user', { question: 'how many?' })] });
    const { events, result } = await watch({ ownTools: [look], clientTools: [clientTool] });
    const pieces = events.flatMap((event) => (event.type === 'call' ? [event] : []));
    expect(pieces.length).toBeGreaterThan(2);
    const item = result.output.find((one) => one.type === 'function_call' && one.name === 'ask_user');
    for (const piece of pieces) {
      expect(piece).toMatchObject({ id: item?.id, index: 0, callId: 'b', name: 'ask_user' });
    }
    expect(pieces.map((piece) => piece.arguments).join('')).toBe('{"question":"how many?"}');
  });
});

function call(id: string, name: string, input: object | string) {
  return { id, name, arguments: input };
}

function agentOf({
  model,
  tools,
  ...fields
}: Omit<AgentFields, 'tools'> & { tools?: { maxSteps: number } }): AgentEntry {
  const settings = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL, ...model } as const;
  const entry = {
    ...fields,
    name: 'a',
    model: settings,
    tools: { builtin: [], mcpServers: [], maxSteps: 8, ...tools },
  };
  const [agent] = configuration({ agents: [entry] }).snapshot.content.agents;
  if (!agent) throw new Error('no agent');
  return agent;
}

async function take(fields: Partial<Steps>): Promise<StepsResult> {
  const agent = fields.agent ?? agentOf({});
  return await takeSteps({
    agent,
    callModel: models.forAgent(agent, { credential: () => undefined }),
    messages: [{ role: 'user', content: 'look around' }],
    ownTools: [],
    clientTools: [],
    parameters: {},
    streams: fields.onEvent !== undefined,
    limit: deadline(60_000),
    ...fields,
  });
}

async function watch(fields: Partial<Steps>): Promise<{ events: readonly TurnEvent[]; result: StepsResult }> {
  const events: TurnEvent[] = [];
  const result = await take({ ...fields, onEvent: (event) => void events.push(event) });
  return { events, result };
}

function textOf(events: readonly TurnEvent[], id: string): string {
  return events.flatMap((event) => (event.type === 'text' && event.id === id ? [event.text] : [])).join('');
}

/** The output, one line for each item. */
function brief({ output }: StepsResult): string[] {
  return output.map((item) => {
    if (item.type === 'function_call') return `call ${item.call_id} ${item.name} ${item.arguments}`;
    if (item.type === 'function_call_output') return `output ${item.call_id} ${String(item.output)}`;
    return `${item.role}: ${item.content.map((part) => (part.type === 'input_image' ? '' : part.text)).join('')}`;
  });
}
