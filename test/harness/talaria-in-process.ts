import type { Command } from 'commander';
import { vi } from 'vitest';
import type { CommandResult } from './talaria-command.ts';

/**
 * Runs one command of `talaria` in this process, which takes a tenth of the time of a process of its own. Wrong usage would
 * end the process, so give what the command takes. One at a time.
 */
export async function runInProcess(group: Command, args: readonly string[]): Promise<CommandResult> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    }),
  );
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await group.parseAsync([...args], { from: 'user' });
    return { ...written, code: Number(process.exitCode) };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
