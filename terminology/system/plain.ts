import { createHash } from 'node:crypto';
import { TerminologyError } from '../failure.ts';
import { SystemContent } from './content.ts';
import { CircleFound } from './hierarchy.ts';
import type { PropertyOfSystem, Source, SystemManifest } from './manifest.ts';
import { type BuiltSystem, builtSystem } from './order.ts';

/** What a code system is called and how its parts are named; the numbers of the content point into these lists. */
export interface Naming {
  readonly kind: SystemManifest['kind'];
  readonly url: string;
  readonly version: string;
  readonly name: string;
  readonly title: string;
  readonly language: string;
  readonly caseSensitive: boolean;
  /** Designation uses, display first: code and what it is. */
  readonly uses: readonly (readonly [code: string, display: string])[];
  readonly languages: readonly string[];
  readonly properties: readonly PropertyOfSystem[];
  readonly licences: readonly string[];
}

export type ManifestToWrite = Omit<SystemManifest, 'files' | 'byteOrder'>;

export interface ReadSystem {
  readonly manifest: ManifestToWrite;
  readonly arrays: BuiltSystem['arrays'];
}

/** Codes of one system by text while it is read; says where a code that stands twice stands. */
export class PlainContent {
  readonly content = new SystemContent();
  readonly #numbers = new Map<string, number>();
  /** Where it stands that one is below another. */
  readonly #places = new Map<string, { readonly file: string; readonly line: number }>();

  find(code: string): number {
    return this.#numbers.get(code) ?? -1;
  }

  /** Appends a concept. Throws terminology-duplicate-concept. */
  add(code: string, flags: number, file: string, line: number): number {
    if (this.#numbers.has(code)) throw new TerminologyError('terminology-duplicate-concept', file, `code ${code} occurs twice`, line);
    const number = this.content.concept(code, flags);
    this.#numbers.set(code, number);
    return number;
  }

  /** Puts a concept below another, as line `line` of `file` says. */
  isa(child: number, parent: number, file: string, line: number): void {
    this.content.isa(child, parent);
    this.#places.set(`${child} ${parent}`, { file, line });
  }

  /** The place of a circle is the last line that closes it. */
  #placeOf(circle: readonly number[]): { readonly file: string; readonly line: number } | undefined {
    const pairs = circle.flatMap((each, i) => {
      const next = circle[(i + 1) % circle.length] ?? each;
      return [`${each} ${next}`, `${next} ${each}`];
    });
    const found = pairs.flatMap((pair) => this.#places.get(pair) ?? []);
    return found.sort((a, b) => b.line - a.line)[0];
  }

  /** Returns the finished system. Throws terminology-circle. */
  finish(naming: Naming, sources: readonly Source[], leftOut: SystemManifest['leftOut'] = []): ReadSystem {
    try {
      const built = builtSystem(this.content, { dialects: 0, displayUses: naming.uses.map((_, use) => use) });
      return { manifest: manifestOf(naming, built, sources, leftOut), arrays: built.arrays };
    } catch (error) {
      if (!(error instanceof CircleFound)) throw error;
      const place = this.#placeOf(error.circle);
      throw new TerminologyError(
        'terminology-circle',
        place?.file ?? sources[0]?.file ?? '',
        error.circle.map((each) => this.content.codes.text(each)).join(' > '),
        place?.line,
      );
    }
  }
}

function manifestOf(naming: Naming, built: BuiltSystem, sources: readonly Source[], leftOut: SystemManifest['leftOut']): ManifestToWrite {
  const digests = JSON.stringify([naming.url, naming.version, ...sources.map((source) => [source.table, source.sha256])]);
  const hash = createHash('sha256').update(digests).digest('hex').slice(0, 12);
  const { uses, ...names } = naming;
  return {
    ...names,
    format: 'polyseme-code-system',
    formatVersion: 1,
    id: `${naming.kind}-${naming.version.replace(/[^\w.]+/g, '-')}-${hash}`,
    hierarchical: built.arrays['parent-row'].length > 0,
    closure: built.closure,
    uses: uses.map(([code, display]) => ({ system: naming.url, code, display })),
    languages: [...naming.languages],
    properties: [...naming.properties],
    licences: [...naming.licences],
    modules: [],
    dialects: [],
    refsets: [],
    schemes: [],
    counts: { ...built.counts },
    leftOut,
    sources: [...sources],
  };
}
