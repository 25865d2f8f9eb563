import type { Agent } from '../agent.ts';
import { type RefusedRule, refused } from './rule.ts';
import { nameRule, textSourceRule } from './shared-rules.ts';

type Spec = Agent['spec'];
type Model = Omit<Spec['model'], 'fallbacks'>;
type Volume = NonNullable<Spec['profile']['volume']>;
type File = Spec['profile']['files'][number];
type Account = Spec['accounts'][number];

const models = ['spec.model', 'spec.model.fallbacks[]'];
const volume = ['spec.profile.volume'];
const files = ['spec.profile.files[]'];
const accounts = ['spec.accounts[]'];

/** What the API server refuses of an Agent beyond its schema. */
export const agentRules: readonly RefusedRule[] = [
  nameRule('Agent'),
  textSourceRule('Agent', ['spec.instructions', 'spec.skills[]', 'spec.profile.files[]']),
  refused<Model>({
    name: 'compatible-needs-base-url',
    kind: 'Agent',
    at: models,
    field: '.baseURL',
    cel: "self.provider != 'openai-compatible' || has(self.baseURL)",
    holds: (self) => self.provider !== 'openai-compatible' || self.baseURL !== undefined,
    message: 'provider openai-compatible needs baseURL',
    cure: 'set the address of the server, such as http://models.example.com/v1',
  }),
  refused<Model>({
    name: 'provider-needs-key',
    kind: 'Agent',
    at: models,
    field: '.apiKeySecretRef',
    cel: "!(self.provider in ['openai', 'anthropic']) || has(self.apiKeySecretRef)",
    holds: (self) => !['openai', 'anthropic'].includes(self.provider) || self.apiKeySecretRef !== undefined,
    message: 'providers openai and anthropic need apiKeySecretRef',
    cure: 'name the Secret that holds the API key',
  }),
  refused<Model>({
    name: 'echo-calls-nobody',
    kind: 'Agent',
    at: models,
    cel: "self.provider != 'echo' || !has(self.baseURL) && !has(self.apiKeySecretRef)",
    holds: (self) => self.provider !== 'echo' || (self.baseURL === undefined && self.apiKeySecretRef === undefined),
    message: 'provider echo takes neither baseURL nor apiKeySecretRef',
    cure: 'remove them, or name the provider that they belong to',
  }),
  refused<File>({
    name: 'file-path-is-free',
    kind: 'Agent',
    at: files,
    field: '.path',
    cel: "!(self.path in ['SOUL.md', 'skills', 'workspace']) && !self.path.startsWith('SOUL.md/') && !self.path.startsWith('skills/')",
    holds: (self) => !['SOUL.md', 'skills', 'workspace'].includes(self.path) && !/^(SOUL\.md|skills)\//.test(self.path),
    message: 'SOUL.md, skills and the folder workspace itself are not free for files',
    cure: 'use spec.instructions and spec.skills, or another path',
  }),
  refused<Volume>({
    name: 'one-volume-source',
    kind: 'Agent',
    at: volume,
    cel: 'has(self.size) != has(self.existingClaim)',
    holds: (self) => (self.size === undefined) !== (self.existingClaim === undefined),
    message: 'exactly one of size and existingClaim must be set',
    cure: 'give the size of a new volume, or the name of a claim that exists',
  }),
  refused<Volume>({
    name: 'class-of-new-volume',
    kind: 'Agent',
    at: volume,
    field: '.storageClassName',
    cel: '!has(self.storageClassName) || has(self.size)',
    holds: (self) => self.storageClassName === undefined || self.size !== undefined,
    message: 'storageClassName is for a new volume',
    cure: 'remove it; an existing claim has its class',
  }),
  refused<Volume>({
    name: 'size-is-immutable',
    kind: 'Agent',
    at: volume,
    field: '.size',
    cel: 'has(self.size) == has(oldSelf.size) && (!has(self.size) || self.size == oldSelf.size)',
    holds: (self, oldSelf) => self.size === oldSelf.size,
    message: 'size is immutable',
    cure: 'write the old size; for another one use another claim',
  }),
  refused<Volume>({
    name: 'class-is-immutable',
    kind: 'Agent',
    at: volume,
    field: '.storageClassName',
    cel: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
    holds: (self, oldSelf) => self.storageClassName === oldSelf.storageClassName,
    message: 'storageClassName is immutable',
    cure: 'write the old class; for another one use another claim',
  }),
  refused<Account>({
    name: 'settings-of-platform',
    kind: 'Agent',
    at: accounts,
    field: '.settings',
    cel: [...settingsPlatforms()]
      .map((platform) => `(self.platform == '${platform}' || !has(self.settings) || !has(self.settings.${platform}))`)
      .join(' && '),
    holds: (self) =>
      settingsPlatforms().every((platform) => self.platform === platform || self.settings?.[platform] === undefined),
    message: 'settings must belong to the platform of the account',
    cure: 'remove the settings of other platforms',
  }),
  refused<Account>({
    name: 'matrix-needs-homeserver',
    kind: 'Agent',
    at: accounts,
    field: '.settings',
    cel: "self.platform != 'matrix' || has(self.settings) && has(self.settings.matrix)",
    holds: (self) => self.platform !== 'matrix' || self.settings?.matrix !== undefined,
    message: 'a matrix account needs settings.matrix.homeserverURL',
    cure: 'set the address of the homeserver',
  }),
];

function settingsPlatforms() {
  return ['telegram', 'slack', 'discord', 'matrix', 'feishu'] as const;
}
