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

/** Returns true when some structure of the map has a segment of this name, or such a path in some group. */
export const isKnown = (path: string, { knownSegments, knownPaths }: ModuleInput): boolean =>
  knownSegments.has(path) || knownPaths.has(path) || [...knownPaths].some((each) => each.endsWith(`.${path}`));
