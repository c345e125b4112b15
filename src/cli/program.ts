import type { Readable } from 'node:stream';
import { Command, CommanderError, Option } from 'commander';
import { JobraftError } from '../base/errors.ts';
import type { CliCommand, Invocation } from './command.ts';
import { EXIT, EXIT_MEANINGS, exitCodeOf } from './exit-codes.ts';
import { InterruptedError, interruptedExitCode } from './interruption.ts';
import type { Output } from './output.ts';
import { packageVersion } from './package-version.ts';
import { COMMANDS } from './registry.ts';

/** What a command line has beside its words. */
export interface CliIo {
  readonly output: Output;
  readonly stdin: () => Readable;
  /** Its reason, once it is aborted, is the exit code. */
  readonly signal: AbortSignal;
}

/**
 * Runs one command line.
 * @param words behind the name of the program.
 * @returns the exit code. @throws an error that is a defect of jobraft.
 */
export async function runCommandLine(words: readonly string[], io: CliIo): Promise<number> {
  try {
    await programOf(io).parseAsync([...words], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return onError(error, words, io);
  } finally {
    io.output.endLive();
  }
}

function onError(error: unknown, words: readonly string[], { output, signal }: CliIo): number {
  if (error instanceof CommanderError) return onUsageError(error, words, output);
  if (isInterruption(error, signal)) {
    const { mayHaveHappened } = COMMANDS.find(({ name }) => name === commandOf(words)) ?? {};
    if (mayHaveHappened !== undefined) output.note(interruptionText(error, mayHaveHappened));
    return interruptedExitCode(signal);
  }
  if (error instanceof JobraftError) {
    output.error(error.code, error.message);
    return exitCodeOf(error);
  }
  throw error;
}

/** Errors of calls that take a signal have its reason as their cause. */
const isInterruption = (error: unknown, { aborted, reason }: AbortSignal): boolean =>
  aborted && error instanceof Error && (error instanceof InterruptedError || error.name === 'AbortError' || error.cause === reason);

/** What an interrupted command that changes something says. */
export const interruptionText = (error: unknown, mayHaveHappened: string): string =>
  error instanceof InterruptedError && error.mayHaveSent
    ? `Interrupted before the reply: ${mayHaveHappened}. Look before you repeat the command.`
    : 'Interrupted before anything was sent: nothing has changed.';

/** Help and the version end in the same way as an invalid command line. */
function onUsageError({ exitCode, code, message }: CommanderError, words: readonly string[], output: Output): number {
  if (exitCode === 0) return EXIT.done;
  if (code === 'commander.help') return EXIT.usage;
  const named = commandOf(words);
  const text = message.replace(/^error: /, '').trim();
  output.error('USAGE', `${text}${/[.!?)]$/.test(text) ? '' : '.'} See "jobraft ${named === undefined ? '' : `${named} `}--help".`);
  return EXIT.usage;
}

/** The command, or the group of commands, that a command line names. */
function commandOf(words: readonly string[]): string | undefined {
  const isNamed = (name: string): boolean => name.split(' ').every((word, at) => words[at] === word);
  const named = [...COMMANDS.map(({ name }) => name), ...Object.keys(GROUPS)].filter(isNamed);
  return named.toSorted((one, other) => other.length - one.length)[0];
}

function programOf(io: CliIo): Command {
  const program = new Command('jobraft')
    .description('A job queue replicated by Raft. The processes of one machine that name the same folder share one cluster.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.output.line(text.trimEnd()),
      writeErr: (text) => io.output.help(text),
      // Reported by its exception.
      outputError: () => undefined,
    })
    .addHelpText('after', `\n${EXIT_TEXT}`);
  for (const command of COMMANDS) addCommand(program, command, io);
  return program;
}

function addCommand(program: Command, command: CliCommand, { output, stdin, signal }: CliIo): void {
  const { parent, name } = placeOf(program, command);
  const added = parent.command(name).description(command.summary).summary(command.summary).helpGroup(`${command.group}:`);
  for (const argument of command.arguments) added.addArgument(argument);
  for (const option of command.options) added.addOption(option);
  added.addOption(new Option('--json', command.json === 'lines' ? 'print JSON, one object a line' : 'print one JSON document'));
  added.addHelpText('after', `\nExamples:\n${command.examples.map((example) => `  $ ${example}`).join('\n')}\n\n${EXIT_TEXT}`);
  added.action(async () => {
    const { json, ...options } = added.opts<{ json?: true }>();
    const args: readonly unknown[] = added.processedArgs;
    const invocation: Invocation = { args, options, isJson: json === true, output, stdin, signal };
    await command.run(invocation);
  });
}

/** Groups of commands, whose names have two words. */
const GROUPS: Readonly<Record<string, string>> = {
  config: 'Configuration files of nodes: config import.',
  tokens: 'Tokens of programs: tokens add, list and revoke.',
};

function placeOf(program: Command, { name, group }: CliCommand): { readonly parent: Command; readonly name: string } {
  const [first = '', second] = name.split(' ');
  if (second === undefined) return { parent: program, name: first };
  // Options after the second word belong to its command, also where the first word is a command with the same options.
  const known = program.commands
    .find((command) => command.name() === first)
    ?.enablePositionalOptions()
    .helpCommand(true);
  const summary = GROUPS[first] ?? '';
  return { parent: known ?? program.command(first).description(summary).summary(summary).helpGroup(`${group}:`), name: second };
}

const EXIT_TEXT = ['Exit codes:', ...EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`)].join('\n');
