import type { AgentEntry, JobEntry } from './schema.ts';

/** Hashes of the texts that an agent needs, in no particular order; one may stand there twice. */
export function textsOfAgent(agent: AgentEntry): readonly string[] {
  const instructions = agent.instructions === undefined ? [] : [agent.instructions];
  return [...instructions, ...agent.skills.map((skill) => skill.text), ...agent.files.map((file) => file.text)];
}

/** Hashes of the texts that a job needs. */
export function textsOfJob(job: JobEntry): readonly string[] {
  return [job.prompt];
}
