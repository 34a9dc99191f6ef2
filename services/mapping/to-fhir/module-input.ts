/** What a module of a message map is written from, and what comes of it. */
import type { MessageSpec } from '../spec.ts';
import type { Build } from './build.ts';
import type { Resolved } from './resolve.ts';

export type ReadFields = ReadonlyMap<string, ReadonlyMap<number, boolean>>;

export interface WrittenModule {
  /** Puts the text together; once. */
  readonly text: () => string;
  /** 'PID' -> field numbers that some rule reads; true when some rule reads every repetition. */
  readonly reads: ReadFields;
}

export interface ModuleInput {
  readonly spec: MessageSpec;
  readonly resources: readonly Resolved[];
  readonly build: Build;
  readonly structure: string;
  /** Segment names, and group and segment paths, of all structures that the map is for. */
  readonly knownSegments: ReadonlySet<string>;
  readonly knownPaths: ReadonlySet<string>;
}
