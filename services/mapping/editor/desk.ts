/** What an editor asks of a text among others: what may stand at a place, what stands there, where it is defined, what is wrong. No folder is needed. */
import type { Diagnostic } from '../diagnostics.ts';
import { type LoadedMaps, mapsOf } from '../maps.ts';
import { type SpecTexts, specFilesOf } from '../texts.ts';
import { type Completion, type Cursor, completionsAt, definitionAt, hoverAt } from './language.ts';
import { faultsOf } from './workspace.ts';

export interface Asked {
  readonly texts: SpecTexts;
  readonly path: string;
  /** The text as it stands in the editor. */
  readonly text: string;
  readonly cursor: Cursor;
}

const MOST_KEPT = 8;

/** Keeps the maps of the last texts, so that a question about the same text is answered at once. */
export class EditorDesk {
  readonly #known = new Map<string, { readonly texts: SpecTexts; readonly text: string; readonly maps: LoadedMaps }>();
  /** Maps of the last text of a file that could be read: completion works while the line is unfinished. */
  readonly #readable = new Map<string, LoadedMaps>();

  completions(asked: Asked): readonly Completion[] {
    return completionsAt(asked.text, asked.cursor, asked.path, this.#mapsFor(asked));
  }

  hover(asked: Asked): string | undefined {
    return hoverAt(asked.text, asked.cursor, asked.path, this.#mapsFor(asked));
  }

  definition(asked: Asked): ReturnType<typeof definitionAt> {
    return definitionAt(asked.text, asked.cursor, asked.path, this.#mapsFor(asked));
  }

  /** Returns the faults of the file. */
  diagnostics(asked: Omit<Asked, 'cursor'>): readonly Diagnostic[] {
    return faultsOf(this.#maps(asked), asked.path);
  }

  #mapsFor(asked: Asked): LoadedMaps {
    if (isReadable(asked.path, asked.text)) return this.#maps(asked);
    return this.#readable.get(asked.path) ?? this.#maps(asked);
  }

  #maps({ texts, path, text }: Omit<Asked, 'cursor'>): LoadedMaps {
    const known = this.#known.get(path);
    if (known?.text === text && sameTexts(known.texts, texts, path)) return known.maps;
    const maps = mapsOf(specFilesOf(new Map([...texts, [path, text]])));
    this.#known.delete(path);
    this.#known.set(path, { texts, text, maps });
    if (this.#known.size > MOST_KEPT) this.#known.delete(this.#known.keys().next().value ?? '');
    if (isReadable(path, text)) this.#readable.set(path, maps);
    if (this.#readable.size > MOST_KEPT) this.#readable.delete(this.#readable.keys().next().value ?? '');
    return maps;
  }
}

/** Asks what is read of the text anyhow, so that it is read once. */
const isReadable = (path: string, text: string): boolean => specFilesOf(new Map([[path, text]]))[0]?.read.root !== undefined;

function sameTexts(a: SpecTexts, b: SpecTexts, but: string): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [path, text] of a) if (path !== but && b.get(path) !== text) return false;
  return true;
}
