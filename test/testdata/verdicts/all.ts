import { agentCases } from './agent.ts';
import type { VerdictCase } from './case.ts';
import { cronJobCases } from './cron-job.ts';
import { routeCases } from './route.ts';

/** The whole table of manifests and their verdicts. */
export const verdictCases: readonly VerdictCase[] = [...agentCases, ...routeCases, ...cronJobCases];
