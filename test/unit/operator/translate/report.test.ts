import { describe, expect, it } from 'vitest';
import type { Resources } from '../../../../operator/resources.ts';
import { compile } from '../../../../operator/translate/compile.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { recompile } from '../../../../operator/translate/recompile.ts';
import { report as makeReport, type Report } from '../../../../operator/translate/report.ts';
import { type Manifest, resourcesOf } from '../manifests.ts';
import { type Translation, translate } from '../translate.ts';

describe('the report on an object', () => {
  it('names the fields that are stored and not acted on', async () => {
    const resources = await resourcesOf([agent('coder')]);
    const limited = {
      ...resources,
      agents: resources.agents.map((each) => ({ ...each, limited: ['spec.a', 'spec.b'] })),
    };
    expect(verdict(translated(limited), 'coder', 'Limited')).toMatchObject({
      status: 'True',
      reason: 'NotYetImplemented',
      message: 'stored and not acted on by this version: spec.a, spec.b',
    });
  });

  it('stays the same object while nothing about it changes, whatever else does', async () => {
    const before = await resourcesOf([agent('coder'), agent('writer'), route('one', 'coder'), route('two', 'writer')]);
    const first = translated(before);
    const changed = { ...before, routes: [before.routes[0], ...(await resourcesOf([route('two', 'nobody')])).routes] };
    const second = translated(changed as Resources, first);

    expect(report(second, 'one')).toBe(report(first, 'one'));
    expect(report(second, 'coder')).toBe(report(first, 'coder'));
    expect(report(second, 'two')).not.toBe(report(first, 'two'));
    expect(report(second, 'writer').fields).toMatchObject({ routes: 0 });
  });

  it('on a CronJob that writes through another Agent’s account follows the Routes of the chat alone', async () => {
    const bot = { name: 'bot', platform: 'telegram', secretRef: { name: 'bot' }, shared: true };
    const owner = { ...agent('coder'), spec: { accounts: [bot] } };
    const before = await resourcesOf([
      owner,
      agent('writer'),
      route('one', 'coder'),
      job('foreign', { account: 'coder/bot', chatId: 'one' }),
      job('logged', { log: true }),
    ]);
    const first = compile(before, nothing);
    const given = { ...before, routes: (await resourcesOf([route('one', 'writer')])).routes };
    const second = compile(given, { content: first.content, versionKey: 'test' }, first);
    expect(recompile(given, { content: first.content, versionKey: 'test' }, first)).toBeDefined();
    const [reportBefore, reportAfter] = [makeReport(first), makeReport(second)];

    expect(verdict(reportBefore, 'foreign', 'ResolvedRefs')).toMatchObject({
      status: 'False',
      reason: 'ChatNotRouted',
    });
    expect(verdict(reportAfter, 'foreign', 'ResolvedRefs')).toMatchObject({ status: 'True' });
    expect(report(reportAfter, 'logged')).toBe(report(reportBefore, 'logged'));
  });

  it('says at most ten of many problems, and that there are more', async () => {
    const agentRefs = Array.from({ length: 8 }, (_, index) => ({ name: `nobody-${index}` }));
    const rules = ['a', 'b'].map((name) => ({ name, matches: [{ chatId: name }], agentRefs }));
    const result = translated(await resourcesOf([{ ...route('team', ''), spec: { rules } }]));
    const { message } = verdict(result, 'team', 'ResolvedRefs') ?? { message: '' };
    expect(message.split('; ')).toHaveLength(11);
    expect(message).toMatch(/; and more$/);
  });
});

const nothing = { content: emptyContent, versionKey: 'test' };

function translated(resources: Resources, before?: Translation): Translation {
  return translate(resources, { content: before?.content ?? emptyContent, versionKey: 'test' });
}

function report({ objects }: Report, name: string) {
  const found = objects.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no report on ${name}`);
  return found;
}

function verdict(translation: Report, name: string, type: string) {
  return report(translation, name).verdicts.find((each) => each.type === type);
}

function agent(name: string): Manifest {
  return { kind: 'Agent', metadata: { name } };
}

function route(name: string, agentName: string): Manifest {
  const rules = [{ name: 'rule', matches: [{ chatId: name }], agentRefs: [{ name: agentName }] }];
  return { kind: 'Route', metadata: { name }, spec: { rules } };
}

function job(name: string, target: object): Manifest {
  const deliver = [{ name: 'target', ...target }];
  return {
    kind: 'CronJob',
    metadata: { name },
    spec: { agentRef: { name: 'writer' }, schedule: '@daily', prompt: { inline: 'Report.' }, deliver },
  };
}
