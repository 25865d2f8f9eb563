import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { AgentFiles } from '../../files/agent-files.ts';
import { FileRefused } from '../../files/refusal.ts';
import { maxFileBytes } from '../../files/workspace.ts';
import type { Tool } from './tool.ts';

/** The name by which an Agent asks for these tools in `spec.tools.builtin`. */
export const filesToolName = 'files';

/** The tools with which the model uses the files of its home. What cannot be done is told to it with the cure. */
export function fileTools(files: AgentFiles): readonly Tool[] {
  return [
    {
      name: 'list_files',
      description:
        'Lists the files of your home with their sizes. They are kept from one conversation to the next. Files marked read-only cannot be changed.',
      parameters: parameters({ folder: { type: 'string', description: 'Only what is in this folder.' } }, []),
      run: async (input) => listing(await files.list(parse(folderInput, input).folder)),
    },
    {
      name: 'read_file',
      description: `Gives the text of a file, ${maxCharacters} characters at a time.`,
      parameters: parameters(
        { path, offset: { type: 'integer', minimum: 0, description: 'The character to begin at; default 0.' } },
        ['path'],
      ),
      run: async (input) => {
        const { path: wanted, offset } = parse(readInput, input);
        return excerpt(asText(wanted, await files.read(wanted)), offset);
      },
    },
    {
      name: 'write_file',
      description: `Writes a whole text file, in the place of what it held; at most ${maxFileBytes} bytes.`,
      parameters: parameters({ path, content: { type: 'string' } }, ['path', 'content']),
      run: async (input) => {
        const { path: wanted, content } = parse(writeInput, input);
        const bytes = Buffer.from(content);
        await files.write(wanted, bytes);
        return `${wanted} is written: ${bytes.length} bytes.`;
      },
    },
    {
      name: 'delete_file',
      description: 'Deletes a file.',
      parameters: parameters({ path }, ['path']),
      run: async (input) => {
        const { path: wanted } = parse(pathInput, input);
        await files.remove(wanted);
        return `${wanted} is deleted.`;
      },
    },
  ];
}

const maxCharacters = 64 * 1024;
const mostListed = 1_000;

const path = { type: 'string', description: 'Relative to your home, such as workspace/notes.md.' };

const folderInput = z.object({ folder: z.string().default('') });
const pathInput = z.object({ path: z.string() });
const readInput = pathInput.extend({ offset: z.int().min(0).default(0) });
const writeInput = pathInput.extend({ content: z.string() });

function parameters(properties: object, required: readonly string[]): Readonly<Record<string, unknown>> {
  return { type: 'object', properties, required, additionalProperties: false };
}

function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FileRefused(`the argument ${issue?.path.join('.') ?? ''} is missing or wrong: ${issue?.message ?? ''}`);
}

function listing(files: Awaited<ReturnType<AgentFiles['list']>>): string {
  if (files.length === 0) return 'There are no files.';
  const lines = files.slice(0, mostListed).map(({ path: name, bytes, isFixed }) => {
    return `${name} (${bytes} bytes${isFixed ? ', read-only' : ''})`;
  });
  const more = files.length - lines.length;
  return [...lines, ...(more > 0 ? [`[and ${more} more; give a folder to see fewer]`] : [])].join('\n');
}

function asText(name: string, content: Buffer): string {
  if (isUtf8(content)) return content.toString('utf8');
  throw new FileRefused(`${name} holds no text but ${content.length} other bytes`);
}

function excerpt(text: string, offset: number): string {
  const end = offset + maxCharacters;
  const piece = text.slice(offset, end).toWellFormed();
  if (offset === 0 && end >= text.length) return text;
  const rest = end < text.length ? `; go on with offset ${end}` : '';
  return `${piece}\n[characters ${Math.min(offset, text.length)} to ${Math.min(end, text.length)} of ${text.length}${rest}]`;
}
