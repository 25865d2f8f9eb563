import type { FastifyInstance } from 'fastify';
import { addAgentData } from './admin/agent-data.ts';
import { addAdminAgents } from './admin/agents.ts';
import { addAdminDeliveries } from './admin/deliveries.ts';
import { addExplain } from './admin/explain.ts';
import { addAdminJobs } from './admin/jobs.ts';
import { addAdminRunEvents } from './admin/run-events.ts';
import { addAdminRuns } from './admin/runs.ts';
import { addAdminSessions } from './admin/sessions.ts';
import { addSnapshot } from './admin/snapshot.ts';
import { addCapabilities } from './capabilities.ts';
import { addChatCompletions, type ChatCompletionsOptions } from './chat-completions/chat-completions.ts';
import { addHealth, type HealthOptions } from './health.ts';
import { addModels } from './models.ts';
import { addOpenApi } from './openapi.ts';
import { addResponses } from './responses/responses.ts';
import { addStoredResponses } from './responses/stored-responses.ts';
import { addRunEvents } from './runs/run-events.ts';
import { addRuns, type RunsOptions } from './runs/runs.ts';
import { addSessionChat } from './sessions/session-chat.ts';
import { addSessionItems } from './sessions/session-items.ts';
import { addSessions } from './sessions/sessions.ts';

/** What all routes together need. */
export type RoutesOptions = ChatCompletionsOptions & RunsOptions & HealthOptions;

/** Adds every route of the API; all of them are static. */
export function addRoutes(app: FastifyInstance, options: RoutesOptions): void {
  // First, so that it hears of all the others.
  addCapabilities(app, options);
  addHealth(app, options);
  addOpenApi(app);
  addModels(app, options);
  addChatCompletions(app, options);
  addResponses(app, options);
  addStoredResponses(app, options);
  addRuns(app, options);
  addRunEvents(app, options);
  addSessions(app, options);
  addSessionItems(app, options);
  addSessionChat(app, options);
  addExplain(app, options);
  addSnapshot(app, options);
  addAdminAgents(app, options);
  addAdminJobs(app, options);
  addAdminRuns(app, options);
  addAdminRunEvents(app, options);
  addAdminDeliveries(app, options);
  addAgentData(app, options);
  addAdminSessions(app, options);
}
