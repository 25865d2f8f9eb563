import { storable } from '../../sessions/storable.ts';
import type { ResponseBody } from './response-schema.ts';

/** The fields of a request that its response repeats, with the API's default where the request says nothing. */
export interface EchoedFields {
  readonly instructions: string | null;
  readonly tools: readonly object[];
  readonly tool_choice: unknown;
  readonly truncation: string;
  readonly parallel_tool_calls: boolean;
  readonly text: object;
  readonly top_p: number;
  readonly presence_penalty: number;
  readonly frequency_penalty: number;
  readonly temperature: number;
  readonly reasoning: object;
  readonly max_output_tokens: number | null;
  readonly store: boolean;
  readonly background: boolean;
  readonly metadata: object;
  readonly safety_identifier: string | null;
  readonly prompt_cache_key: string | null;
  readonly user: string | null;
}

/** The fields of this request; they can be stored. */
export function echoOf(data: ResponseBody): EchoedFields {
  const { format, verbosity } = data.text ?? {};
  const fields: EchoedFields = {
    instructions: data.instructions ?? null,
    tools: (data.tools ?? []).map(({ type, name, description, parameters, strict }) => ({
      type,
      name,
      description: description ?? null,
      parameters: parameters ?? null,
      strict: strict ?? null,
    })),
    tool_choice: data.tool_choice ?? 'auto',
    truncation: data.truncation ?? 'disabled',
    parallel_tool_calls: data.parallel_tool_calls ?? true,
    text: { format: format ?? { type: 'text' }, ...(verbosity ? { verbosity } : {}) },
    top_p: data.top_p ?? 1,
    presence_penalty: data.presence_penalty ?? 0,
    frequency_penalty: data.frequency_penalty ?? 0,
    temperature: data.temperature ?? 1,
    reasoning: { effort: data.reasoning?.effort ?? null, summary: null },
    max_output_tokens: data.max_output_tokens ?? null,
    store: data.store ?? true,
    background: data.background ?? false,
    metadata: data.metadata ?? {},
    safety_identifier: data.safety_identifier ?? null,
    prompt_cache_key: data.prompt_cache_key ?? null,
    user: data.user ?? null,
  };
  return storable(fields) as EchoedFields;
}
