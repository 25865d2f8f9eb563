import { z } from 'zod';

const status = z.enum(['completed', 'incomplete']);

const part = z.union([
  z.object({ type: z.literal('input_text'), text: z.string() }),
  z.object({ type: z.literal('output_text'), text: z.string(), annotations: z.array(z.unknown()) }),
  z.object({ type: z.literal('input_image'), image_url: z.string(), detail: z.string().optional() }),
]);

/** One thing that was said or done, as sessions, runs and responses show it. */
export const itemSchema = z.union([
  z.object({
    type: z.literal('message'),
    id: z.string(),
    status,
    role: z.enum(['system', 'developer', 'user', 'assistant']),
    content: z.array(part),
  }),
  z.object({
    type: z.literal('function_call'),
    id: z.string(),
    status,
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
  z.object({
    type: z.literal('function_call_output'),
    id: z.string(),
    status,
    call_id: z.string(),
    output: z.union([z.string(), z.array(part)]),
  }),
]);

/** The tokens of a run or response. */
export const usageSchema = z.object({
  input_tokens: z.int().min(0),
  input_tokens_details: z.object({ cached_tokens: z.int().min(0) }),
  output_tokens: z.int().min(0),
  output_tokens_details: z.object({ reasoning_tokens: z.int().min(0) }),
  total_tokens: z.int().min(0),
});
