import { TalariaError } from '../../core/lib/errors.ts';
import type { Table } from '../config/table.ts';
import { openAccount } from './account-access.ts';
import { type RequestedTarget, withOwner } from './outbox.ts';

/**
 * Throws `invalid_request` when a target of a request is a chat that the agent may not write to, so that nothing is spent on
 * a result that could not be delivered. An account whose Secret is missing passes: that may be mended until then.
 */
export function checkTargets(table: Table, agent: string, targets: readonly RequestedTarget[]): void {
  for (const [at, target] of targets.entries()) {
    if ('log' in target) continue;
    const { account, chatId, threadId = '' } = withOwner(target, agent);
    const access = openAccount(table, agent, { account, chatId, threadId });
    if (access.kind !== 'refused') continue;
    const isChat = access.reason === 'ChatNotRouted';
    const what = isChat ? access.message : unusable(agent, account);
    const param = `deliver[${at}].${isChat ? 'chatId' : 'account'}`;
    throw new TalariaError('invalid_request', `${param}: ${what}.`, { param });
  }
}

/** Nothing is told of another Agent's accounts that are not shared, not even which there are. */
function unusable(agent: string, account: string): string {
  const cure = 'name an account of that Agent, or a shared one of another as <agent>/<account>';
  return `the Agent "${agent}" has no account "${account}" that it may use; ${cure}`;
}
