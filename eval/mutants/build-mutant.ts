import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { UserError } from '../measuring/user-error.ts';
import type { Mutant } from './mutant.ts';

/** A copy of the built source, in which single files can be replaced by broken ones. */
export class MutantBuild implements Disposable {
  readonly #sources: string;
  readonly #folder: string;

  /** @param root the package's folder; the copy is below its `node_modules`, so that it finds its packages. */
  constructor(root: string) {
    this.#sources = join(root, 'src');
    this.#folder = join(root, 'node_modules', '.cache', `jobraft-mutants-${process.pid}`);
    for (const file of filesOf(this.#sources)) this.#write(file, readFileSync(join(this.#sources, file), 'utf8'));
    writeFileSync(join(this.#folder, 'package.json'), '{ "type": "module" }\n');
  }

  /** The simulator's entry. */
  get simulator(): string {
    return join(this.#folder, 'src', 'sim', 'main.js');
  }

  /** Breaks one file, until the returned object is disposed. @throws {UserError} when the code does not contain the mutant's text once. */
  apply(mutant: Mutant): Disposable {
    const source = readFileSync(join(this.#sources, mutant.file), 'utf8');
    const found = source.split(mutant.find).length - 1;
    if (found !== 1) {
      throw new UserError(
        `The mutant "${mutant.name}" looks for a text of src/${mutant.file} that is there ${found} times. Update its \`find\`.`,
      );
    }
    this.#write(
      mutant.file,
      source.replace(mutant.find, () => mutant.replace),
    );
    return { [Symbol.dispose]: () => this.#write(mutant.file, source) };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #write(file: string, source: string): void {
    const { outputText } = ts.transpileModule(source, {
      fileName: file,
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    });
    const to = join(this.#folder, 'src', file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, outputText);
  }
}

function filesOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts'));
}
