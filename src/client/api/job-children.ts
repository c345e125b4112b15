import type { z } from 'zod';
import { CHILD_STATUSES, type ChildEntry, type ChildStatusName } from '../../protocol/flow.ts';
import { aBoolean, checkOptions, integerIn, optionsOf } from '../option-check.ts';
import { decodeValue } from '../payload.ts';
import type { JobCommands } from './job-commands.ts';

/** The options of `Job.remove` and `Queue.remove`. */
export interface RemoveJobOptions {
  /** Whether the children go with their parent, and theirs. Default true; without them they go on, and have no parent. */
  readonly removeChildren?: boolean;
}

/** Where a page of children begins, and how many it has at most. */
export interface ChildrenPageOptions {
  /** `next...Cursor` of the page before; 0, the default, for the first. */
  readonly cursor?: number;
  /** Default 20. */
  readonly count?: number;
}

/** The options of `Job.getDependencies`: the kinds of children that it returns. */
export interface DependenciesOptions {
  readonly processed?: ChildrenPageOptions;
  readonly unprocessed?: ChildrenPageOptions;
  readonly ignored?: ChildrenPageOptions;
  readonly failed?: ChildrenPageOptions;
}

/** The children of a job, by their keys: '<queue>:<id>'. */
export interface JobDependencies {
  /** The results of those that completed. */
  readonly processed?: Readonly<Record<string, unknown>>;
  readonly nextProcessedCursor?: number;
  /** Those that the job waits for. */
  readonly unprocessed?: readonly string[];
  readonly nextUnprocessedCursor?: number;
  /** Why they failed: those that failed without their parent. */
  readonly ignored?: Readonly<Record<string, string>>;
  readonly nextIgnoredCursor?: number;
  /** Those that failed, and their parent with them. */
  readonly failed?: readonly string[];
  readonly nextFailedCursor?: number;
}

/** How many children a job has of each kind; see {@link JobDependencies}. */
export interface DependenciesCount {
  readonly processed?: number;
  readonly unprocessed?: number;
  readonly ignored?: number;
  readonly failed?: number;
}

/** The kinds of children that `Job.getDependenciesCount` counts. Default: all. */
export interface DependenciesCountOptions {
  readonly processed?: boolean;
  readonly unprocessed?: boolean;
  readonly ignored?: boolean;
  readonly failed?: boolean;
}

const COUNT_MAX = 10_000;
const COUNT_DEFAULT = 20;
/** Children in one request; a node returns fewer if their values are large. */
const PER_REQUEST = 1_000;

const PAGE = optionsOf({
  cursor: integerIn(0, Number.MAX_SAFE_INTEGER).optional(),
  count: integerIn(1, COUNT_MAX).optional(),
} satisfies Record<keyof ChildrenPageOptions, z.ZodType>);
const DEPENDENCIES = optionsOf({
  processed: PAGE.optional(),
  unprocessed: PAGE.optional(),
  ignored: PAGE.optional(),
  failed: PAGE.optional(),
} satisfies Record<keyof DependenciesOptions, z.ZodType>);
const COUNTED = optionsOf({
  processed: aBoolean.optional(),
  unprocessed: aBoolean.optional(),
  ignored: aBoolean.optional(),
  failed: aBoolean.optional(),
} satisfies Record<keyof DependenciesCountOptions, z.ZodType>);
const REMOVE = optionsOf({ removeChildren: aBoolean.optional() } satisfies Record<keyof RemoveJobOptions, z.ZodType>);

/** The children that a call returns. */
type Children = Pick<JobCommands, 'children'>;

/** @throws {UnknownOptionError | InvalidOptionError} */
export function removesChildren(options: RemoveJobOptions = {}): boolean {
  checkOptions(REMOVE, options);
  return options.removeChildren ?? true;
}

/** '<queue>:<id>' */
export const childKeyOf = ({ queue, customId, id }: Pick<ChildEntry, 'queue' | 'customId' | 'id'>): string =>
  `${queue}:${customId === '' ? id : customId}`;

const text = new TextDecoder();
const resultOf = ({ value }: ChildEntry): unknown => (value === undefined ? undefined : decodeValue(value));
const reasonOf = ({ value }: ChildEntry): string => text.decode(value);

/** All results of the children that completed, page by page. */
export async function childrenValues(commands: Children, jobId: number): Promise<Record<string, unknown>> {
  return Object.fromEntries((await allChildren(commands, jobId, 'processed')).map((child) => [childKeyOf(child), resultOf(child)]));
}

/** Why children failed whose failure was ignored, page by page. */
export async function ignoredFailures(commands: Children, jobId: number): Promise<Record<string, string>> {
  return Object.fromEntries((await allChildren(commands, jobId, 'ignored')).map((child) => [childKeyOf(child), reasonOf(child)]));
}

/** @throws {UnknownOptionError | InvalidOptionError} */
export async function dependenciesCount(
  commands: Children,
  jobId: number,
  options: DependenciesCountOptions = {},
): Promise<DependenciesCount> {
  checkOptions(COUNTED, options);
  const { processed, unprocessed, ignored, failed } = await commands.children(jobId, 'unprocessed', false, 0, 1);
  const counts = { processed, unprocessed, ignored, failed };
  const asked = CHILD_STATUSES.filter((status) => options[status] === true);
  return asked.length === 0 ? counts : Object.fromEntries(asked.map((status) => [status, counts[status]]));
}

/** @throws {UnknownOptionError | InvalidOptionError} */
export async function dependenciesOf(
  commands: Children,
  jobId: number,
  options: DependenciesOptions | undefined,
): Promise<JobDependencies> {
  if (options !== undefined) checkOptions(DEPENDENCIES, options);
  const pageOf = async (status: ChildStatusName) => {
    if (options === undefined) return { children: await allChildren(commands, jobId, status), next: undefined };
    const page = options[status];
    return page === undefined ? undefined : await pageFrom(commands, jobId, status, page);
  };
  const [processed, unprocessed, ignored, failed] = await Promise.all([
    pageOf('processed'),
    pageOf('unprocessed'),
    pageOf('ignored'),
    pageOf('failed'),
  ]);
  return {
    ...(processed && { processed: Object.fromEntries(processed.children.map((child) => [childKeyOf(child), resultOf(child)])) }),
    ...(processed?.next !== undefined && { nextProcessedCursor: processed.next }),
    ...(unprocessed && { unprocessed: unprocessed.children.map(childKeyOf) }),
    ...(unprocessed?.next !== undefined && { nextUnprocessedCursor: unprocessed.next }),
    ...(ignored && { ignored: Object.fromEntries(ignored.children.map((child) => [childKeyOf(child), reasonOf(child)])) }),
    ...(ignored?.next !== undefined && { nextIgnoredCursor: ignored.next }),
    ...(failed && { failed: failed.children.map(childKeyOf) }),
    ...(failed?.next !== undefined && { nextFailedCursor: failed.next }),
  };
}

/** `count` children of a status, or fewer if there are no more. @returns also where the next page begins; 0 if there is none. */
export async function pageFrom(
  commands: Children,
  jobId: number,
  status: ChildStatusName,
  { cursor = 0, count = COUNT_DEFAULT }: ChildrenPageOptions,
  withValues = status === 'processed' || status === 'ignored',
): Promise<{ readonly children: readonly ChildEntry[]; readonly next: number }> {
  const children: ChildEntry[] = [];
  let after = cursor;
  for (;;) {
    const page = await commands.children(jobId, status, withValues, after, Math.min(PER_REQUEST, count - children.length));
    children.push(...page.children);
    if (page.isOver) return { children, next: 0 };
    after = page.last;
    if (children.length >= count) return { children, next: after };
  }
}

const allChildren = async (commands: Children, jobId: number, status: ChildStatusName): Promise<readonly ChildEntry[]> =>
  (await pageFrom(commands, jobId, status, { count: Number.POSITIVE_INFINITY })).children;
