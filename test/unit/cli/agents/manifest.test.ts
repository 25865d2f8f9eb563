import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { agentManifest } from '../../../../cli/agents/manifest.ts';
import { temporaryFolder } from '../../../harness/temporary-folder.ts';

describe('the manifest of a new Agent', () => {
  it('says what was asked for and leaves everything else to the defaults', async () => {
    expect(await agentManifest('helper', { model: 'echo/echo' })).toEqual({
      apiVersion: 'talaria.dev/v1alpha1',
      kind: 'Agent',
      metadata: { name: 'helper' },
      spec: { model: { provider: 'echo', name: 'echo' } },
    });
    const wish = { model: 'openai-compatible/org/model', baseUrl: 'https://models.example.com/v1', default: true };
    expect((await agentManifest('helper', { ...wish, apiKeySecret: 'models/token' })).spec).toEqual({
      default: true,
      model: {
        provider: 'openai-compatible',
        name: 'org/model',
        baseURL: 'https://models.example.com/v1',
        apiKeySecretRef: { name: 'models', key: 'token' },
      },
    });
  });

  it('takes instructions as a text or from a file', async () => {
    const file = path.join(await temporaryFolder('manifest'), 'persona.md');
    await writeFile(file, 'Be brief.\n');
    for (const instructions of ['Be brief.\n', `@${file}`]) {
      const { spec } = await agentManifest('helper', { model: 'echo/echo', instructions });
      expect(spec.instructions).toEqual({ inline: 'Be brief.\n' });
    }
    await expect(agentManifest('helper', { model: 'echo/echo', instructions: '@nothing' })).rejects.toThrow(
      'nothing cannot be read: there is no such file',
    );
  });

  it('is refused with the cure where the API server would refuse it', async () => {
    await expect(agentManifest('helper', { model: 'echo' })).rejects.toThrow('PROVIDER/NAME');
    await expect(agentManifest('helper', { model: 'fax/m' })).rejects.toThrow(/spec\.model\.provider/);
    await expect(agentManifest('helper', { model: 'openai/gpt' })).rejects.toThrow(/need apiKeySecretRef/);
    await expect(agentManifest('Not A Name', { model: 'echo/echo' })).rejects.toThrow(/metadata\.name/);
  });
});
