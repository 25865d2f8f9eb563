import type { ConfigurationFields } from '../../harness/entries.ts';
import type { TestGateway } from '../../harness/gateway.ts';
import { remote, startOnStage } from './stage.ts';

/** Two Agents, `main` and `other`, and two keys, `ada` and `bob`, that may call both. */
export const served = (fields: Partial<ConfigurationFields> = {}): ConfigurationFields => ({
  agents: ['main', 'other'].map((name) => ({
    name,
    default: name === 'main',
    model: remote(),
  })),
  routes: { chats: [{ match: { chatId: 'other' }, to: 'other' }] },
  gatewayKeys: [
    { name: 'ada', key: 'ada' },
    { name: 'bob', key: 'bob' },
  ],
  ...fields,
});

/** Starts a gateway of them. */
export async function start(fields: ConfigurationFields = served()): Promise<TestGateway> {
  return await startOnStage({ serves: fields });
}

/** What the tests look into of sessions, items, lists, completions and errors; an answer has the fields of its kind. */
export interface CalledBody {
  readonly id: string;
  readonly status: string;
  readonly run_id: string;
  readonly agent: string;
  readonly model: string;
  readonly last_id: string;
  readonly has_more: boolean;
  readonly content: readonly { readonly text: string }[];
  readonly data: readonly CalledBody[];
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly error: { readonly code: string; readonly param: string | null; readonly message: string };
}

/** What a call was answered. */
export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: CalledBody;
}

/** What a call says. */
export interface Call {
  readonly key?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One call of the sessions' API, such as `GET /v1/sessions`. */
export async function call(
  { url }: TestGateway,
  what: string,
  { key = 'ada', body, headers }: Call = {},
): Promise<Called> {
  const [method = 'GET', path = ''] = what.split(' ');
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

/** Makes a session and gives its id. */
export const create = async (gateway: TestGateway, body: object = {}, rest: Call = {}): Promise<string> =>
  (await call(gateway, 'POST /v1/sessions', { body, ...rest })).body.id;
/** One turn of a chat on the session. */
export const chat = (gateway: TestGateway, id: string, content: string, rest: Call = {}) =>
  call(gateway, `POST /v1/sessions/${id}/chat`, {
    ...rest,
    body: { messages: [{ role: 'user', content }], ...rest.body },
  });
/** The texts of a page of items. */
export const itemTexts = ({ body }: Called) => body.data.map((item) => item.content[0]?.text);

/** The id of no session. */
export const nobody = `ses_${'0'.repeat(32)}`;
