import { Argument, InvalidArgumentError, Option } from 'commander';
import type { CliCommand, Invocation } from '../command.ts';

interface ImportOptions {
  readonly cluster: string;
}

const NAME_REMEDY = 'Give a name of letters, digits, dots, dashes and underscores, 100 at most.';

function clusterName(text: string): string {
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(text)) throw new InvalidArgumentError(NAME_REMEDY);
  return text;
}

export const configImport: CliCommand = {
  name: 'config import',
  group: 'Cluster',
  summary: 'Prints the YAML of a node for the XML configuration of the original system; the file itself stays as it is.',
  arguments: [new Argument('<file>', 'the XML file: MyID, ElectionTimeout, HeartbeatTimeout, ListenerAddress, Peers')],
  options: [
    new Option('--cluster <name>', 'the name of the cluster, which the XML file does not have').argParser(clusterName).default('jobraft'),
  ],
  json: 'document',
  examples: ['jobraft config import config.xml > node-1.yaml', 'jobraft config import config.xml --cluster mails --json'],
  async run({ args: [file], options, output, isJson }: Invocation<readonly [file: string], ImportOptions>) {
    // Loaded by this command alone.
    const { importXmlConfig, yamlOf } = await import('../../config/xml-config.ts');
    const config = importXmlConfig(file, options.cluster);
    if (isJson) output.document(config);
    else output.line(yamlOf(config, file).trimEnd());
  },
};
