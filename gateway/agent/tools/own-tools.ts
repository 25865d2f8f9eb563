import type { AgentEntry } from '../../../core/snapshot/schema.ts';
import type { OpenFiles } from '../../files/agent-files.ts';
import type { Texts } from '../../files/declared.ts';
import { filesToolName, fileTools } from './files.ts';
import { skillTools } from './skills.ts';
import type { Tool } from './tool.ts';

export interface OwnToolsOptions {
  /** Tools that every agent has, beside those of its profile. */
  readonly tools?: readonly Tool[] | undefined;
  /** Absent: no agent is offered the tool `files`. */
  readonly files?: OpenFiles | undefined;
}

/** The tools that the gateway runs in a turn of this agent. */
export function ownToolsOf(agent: AgentEntry, texts: Texts, { tools = [], files }: OwnToolsOptions): readonly Tool[] {
  const usesFiles = files !== undefined && agent.tools.builtin.includes(filesToolName);
  if (agent.skills.length === 0 && !usesFiles) return tools;
  return [...tools, ...skillTools(agent, texts), ...(usesFiles ? fileTools(files(agent, texts)) : [])];
}
