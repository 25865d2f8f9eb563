import { z } from 'zod';
import { isItem } from '../sessions/items.ts';

/** The version of the archive that this gateway writes, and the only one that it reads. */
const archiveFormat = 1;

const time = z.iso.datetime({ offset: true });

/** The first line: whose archive it is. */
export const headSchema = z.object({
  type: z.literal('agent'),
  format: z.literal(archiveFormat),
  agent: z.string(),
  uid: z.string(),
  exported_at: time,
});

const fileSchema = z.object({
  type: z.literal('file'),
  path: z.string(),
  /** Base64. */
  content: z.base64(),
});

/** A path that was seeded once, whether or not there is a file now. */
const seedSchema = z.object({ type: z.literal('seed'), path: z.string() });

/** The columns of `sessions` but for the agent's. */
const sessionSchema = z.object({
  type: z.literal('session'),
  id: z.uuid(),
  platform: z.string(),
  account: z.string(),
  chat_type: z.string(),
  chat_id: z.string(),
  thread_id: z.string(),
  user_id: z.string(),
  principal: z.string(),
  name: z.string(),
  title: z.string(),
  parent_id: z.uuid().nullable(),
  last_seq: z.int().min(0),
  created_at: time,
  last_active_at: time,
  ended_at: time.nullable(),
});

/** One item of a session that a line before it holds. */
const itemSchema = z.object({
  type: z.literal('item'),
  session_id: z.uuid(),
  seq: z.int().min(1),
  run_id: z.uuid(),
  kind: z.string(),
  data: z.record(z.string(), z.unknown()).refine(canBeReplayed, 'it is no item that a conversation can go on from'),
  created_at: time,
});

/** The last line: an archive without it was cut. */
const endSchema = z.object({
  type: z.literal('end'),
  files: z.int(),
  sessions: z.int(),
  items: z.int(),
});

/** What an archive holds between its first line and its last one. */
export const contentLineSchema = z.discriminatedUnion('type', [fileSchema, seedSchema, sessionSchema, itemSchema]);

export type ArchiveHead = z.infer<typeof headSchema>;
export type FileLine = z.infer<typeof fileSchema>;
export type SeedLine = z.infer<typeof seedSchema>;
export type SessionLine = z.infer<typeof sessionSchema>;
export type ItemLine = z.infer<typeof itemSchema>;
export type ContentLine = z.infer<typeof contentLineSchema>;
export type ArchiveEnd = z.infer<typeof endSchema>;
export type ArchiveLine = ArchiveHead | ContentLine | ArchiveEnd;

const text = z.object({ type: z.enum(['input_text', 'output_text']), text: z.string() });
const image = z.object({ type: z.literal('input_image'), image_url: z.string() });
const parts = z.array(z.discriminatedUnion('type', [text, image]));

const replayed = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    role: z.enum(['system', 'developer', 'user', 'assistant']),
    content: parts,
  }),
  z.object({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string() }),
  z.object({ type: z.literal('function_call_output'), call_id: z.string(), output: z.union([z.string(), parts]) }),
]);

/** Whoever made the archive, each later turn of the session reads what is in it. Items of a kind unknown here are passed over. */
function canBeReplayed(data: Readonly<Record<string, unknown>>): boolean {
  return !isItem(data) || replayed.safeParse(data).success;
}
