#!/usr/bin/env node
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { devCommand } from './dev.ts';
import { explainCommand } from './explain.ts';
import { trialSecretsCommand } from './trial-secrets.ts';
import { validateCommand } from './validate.ts';

const examples = `
Examples:
  talaria dev examples/quickstart                 serve a folder of manifests on this machine
  talaria validate deploy/                        check manifests without a cluster
  talaria explain deploy/ --chat-id engineering   which agent would answer, and why

'talaria COMMAND --help' has the options of each command.`;

await new Command('talaria')
  .description('Agents, routing and schedules as Kubernetes resources; this command tries and checks them anywhere.')
  .version(packageJson.version)
  .addCommand(devCommand())
  .addCommand(validateCommand())
  .addCommand(explainCommand())
  .addCommand(trialSecretsCommand(), { hidden: true })
  .addHelpText('after', examples)
  .showHelpAfterError()
  .parseAsync();
