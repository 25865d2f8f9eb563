import type { ConfigurationFields } from '../../harness/entries.ts';
import { type Answered, type Ask, ask, type TestGateway } from '../../harness/gateway.ts';
import { remote, startOnStage } from './stage.ts';

/** Starts a gateway. */
export const start = async (serves: ConfigurationFields) => {
  return await startOnStage({ serves });
};

/** Two Agents, `main` and `other`, and two keys, `ada` and `bob`, that may call both. */
export const served = (fields: Partial<ConfigurationFields> = {}): ConfigurationFields => ({
  agents: [
    { name: 'main', default: true, instructions: 'Be brief.', model: remote() },
    { name: 'other', model: remote() },
  ],
  gatewayKeys: [
    { name: 'ada', key: 'ada' },
    { name: 'bob', key: 'bob' },
  ],
  ...fields,
});
/** One turn of the session with this name or id. */
export const say = (
  gateway: TestGateway,
  session: string,
  content: string,
  rest: Partial<Ask> = {},
): Promise<Answered> =>
  ask(gateway.url, { key: 'ada', content, ...rest, headers: { 'x-talaria-session-id': session, ...rest.headers } });
