import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import type { FunctionTool } from '../models/port.ts';

/** A function that the gateway itself runs for an agent, as opposed to one that a client brings and runs. */
export interface Tool extends FunctionTool {
  /** A person must approve each call before it runs. */
  readonly requiresApproval?: boolean;
  /**
   * Runs one call; `input` is the parsed arguments. Gives what the model reads. What it throws is told to the model as a
   * failure of the call, unless the signal has aborted.
   */
  readonly run: (input: Readonly<Record<string, unknown>>, context: ToolContext) => Promise<string>;
}

/** Whom a call is run for. */
export interface ToolContext {
  readonly agent: AgentEntry;
  readonly signal: AbortSignal;
}
