import { Command, Option } from 'commander';
import { exitCodeOf, validate } from './validation.ts';
import { validationText } from './validation-text.ts';

const examples = `
Examples:
  talaria validate deploy/
  talaria validate deploy/agents.yaml -o json
  talaria validate deploy/ --old deployed.yaml     also that nothing changes that may not

Exit code: 0 all accepted, 1 something is refused or not accepted, 2 wrong usage.`;

/** `talaria validate PATH...`: the verdict of the API server and the operator on manifest files, without a cluster. */
export function validateCommand(): Command {
  return new Command('validate')
    .description('check manifests without a cluster: the verdict that the API server and the operator would give')
    .argument('<paths...>', 'files, or folders with every .yaml, .yml and .json file in them')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .option('--old <path>', 'the stored objects, for rules about what may not change')
    .addHelpText('after', examples)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async (paths: string[], options: { readonly output: 'text' | 'json'; readonly old?: string }) => {
      const report = await validate(paths, options.old);
      process.stdout.write(options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : validationText(report));
      process.exitCode = exitCodeOf(report);
    });
}
