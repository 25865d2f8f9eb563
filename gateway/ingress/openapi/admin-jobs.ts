import { z } from 'zod';
import { jobDetailSchema, jobListSchema, jobObjectSchema } from '../admin/job-object.ts';
import { json, operation } from './operation.ts';
import { idInPath, queryOf } from './parameters.ts';
import { type JsonSchema, listOf } from './schema.ts';

/** `/admin/v1/jobs` and what is below it. */
export function adminJobPaths(): JsonSchema {
  const id = idInPath('The name of a CronJob.');
  const fails = ['admin_required', 'job_not_found', 'not_found'] as const;
  return {
    '/admin/v1/jobs': {
      get: operation('The CronJobs, by name.', {
        id: 'listJobs',
        parameters: queryOf(jobListSchema),
        answers: { 200: json('A page.', listOf(jobObjectSchema)) },
        fails: ['admin_required', 'unsupported_field'],
      }),
    },
    '/admin/v1/jobs/{id}': {
      get: operation('A CronJob with its newest slots.', {
        id: 'readJob',
        parameters: [id],
        answers: { 200: json('The CronJob.', jobDetailSchema) },
        fails,
      }),
    },
    '/admin/v1/jobs/{id}/run': {
      post: operation('Runs a CronJob once, besides its slots, also while it is suspended or paused.', {
        id: 'runJob',
        parameters: [id],
        answers: { 202: json('The run, which is queued.', z.object({ run_id: z.string() })) },
        fails: [...fails, 'job_not_started'],
      }),
    },
    '/admin/v1/jobs/{id}/pause': {
      post: operation('Pauses a CronJob until it is resumed by hand; what runs goes on.', {
        id: 'pauseJob',
        parameters: [id],
        answers: { 200: json('The CronJob.', jobDetailSchema) },
        fails,
      }),
    },
    '/admin/v1/jobs/{id}/resume': {
      post: operation('Ends a pause, by hand or after failures; its slots are not caught up.', {
        id: 'resumeJob',
        parameters: [id],
        answers: { 200: json('The CronJob.', jobDetailSchema) },
        fails: [...fails, 'job_suspended'],
      }),
    },
  };
}
