/** What a thread is asked to do with specs, and the doing. */
import { AnsweredVocabulary } from '../../../terminology/answered.ts';
import { vocabularyOf } from '../../../terminology/reader.ts';
import type { Vocabulary } from '../../../terminology/vocabulary.ts';
import type { PlanChange } from '../../database/specs/plans.ts';
import { type CheckReport, caseFilesOf, checkFiles } from '../../mapping/check.ts';
import { coverageOf, type SpecCoverage } from '../../mapping/coverage.ts';
import type { Diagnostic, Position } from '../../mapping/diagnostics.ts';
import { type Asked, EditorDesk } from '../../mapping/editor/desk.ts';
import type { Completion } from '../../mapping/editor/language.ts';
import { type LoadedMaps, mapsOf } from '../../mapping/maps.ts';
import { lockOf } from '../../mapping/publication.ts';
import { type SpecTexts, specFilesOf } from '../../mapping/texts.ts';
import { CaseLists, type ListReport } from './case-lists.ts';
import type { VocabularyImage } from './image.ts';
import { PlanDesk, type PlannedMessage, type PlanSummary, type ScanPage, type StoredBody } from './plan-desk.ts';

/** What an editor asks of a text. */
export interface LanguageQuestion extends Omit<Asked, 'texts'> {
  readonly what: 'completion' | 'hover' | 'definition' | 'diagnostics';
  /** The texts around it; undefined: as they were. */
  readonly texts: SpecTexts | undefined;
}

export type Task =
  | { readonly kind: 'language'; readonly question: LanguageQuestion }
  | { readonly kind: 'cases'; readonly texts: SpecTexts; readonly path: string; readonly text: string; readonly dir: string }
  | { readonly kind: 'case-list'; readonly file: string }
  | { readonly kind: 'check'; readonly texts: SpecTexts; readonly dir: string }
  | { readonly kind: 'coverage'; readonly texts: SpecTexts; readonly dir: string }
  | {
      readonly kind: 'begin';
      readonly before: SpecTexts;
      readonly after: SpecTexts;
      readonly vocabulary: VocabularyImage | Vocabulary;
      readonly cdmTimezone: string;
    }
  | { readonly kind: 'scan'; readonly messages: readonly PlannedMessage[] }
  | { readonly kind: 'groups'; readonly parts: readonly (readonly PlannedMessage[])[] }
  | { readonly kind: 'share'; readonly messages: readonly PlannedMessage[]; readonly references: readonly string[] }
  | { readonly kind: 'shared'; readonly references: readonly string[]; readonly asOf: string }
  | { readonly kind: 'rows'; readonly stored: readonly StoredBody[] }
  | { readonly kind: 'summary' };

/** What each kind of task answers. */
export interface Answers {
  readonly language: {
    readonly items?: readonly Completion[];
    readonly text?: string | null;
    readonly at?: Position | null;
    readonly diagnostics?: readonly Diagnostic[];
  };
  readonly cases: { readonly lists: readonly string[] };
  readonly 'case-list': ListReport;
  readonly check: CheckReport & { readonly specs: ReturnType<typeof lockOf> };
  readonly coverage: readonly SpecCoverage[];
  readonly begin: { readonly rowTypes: readonly string[] };
  readonly scan: ScanPage;
  readonly groups: readonly PlanChange[];
  readonly share: undefined;
  readonly shared: readonly PlanChange[];
  readonly rows: readonly PlanChange[];
  readonly summary: PlanSummary;
}

export class SpecWork {
  #desk: PlanDesk | undefined;
  #editor: EditorDesk | undefined;
  #texts: SpecTexts = new Map();
  #cases: CaseLists | undefined;

  /** Does one task; tasks of a plan follow their 'begin'. */
  run(task: Task): Answers[Task['kind']] {
    if (task.kind === 'check') return checked(task.texts, task.dir);
    if (task.kind === 'coverage') return covered(task.texts, task.dir);
    if (task.kind === 'language') return this.#answer(task.question);
    if (task.kind === 'cases') {
      this.#cases = new CaseLists(new Map([...task.texts, [task.path, task.text]]), task.path, task.dir);
      return { lists: this.#cases.files };
    }
    if (task.kind === 'case-list') return this.#cases?.run(task.file) ?? { passed: 0, failed: 0, diagnostics: [] };
    if (task.kind === 'begin') {
      const { cdmTimezone, vocabulary } = task;
      this.#desk = new PlanDesk({
        before: compiled(task.before),
        after: compiled(task.after),
        vocabulary: opened(vocabulary),
        cdmTimezone,
      });
      return { rowTypes: this.#desk.rowTypes };
    }
    const desk = this.#desk;
    if (desk === undefined) throw new TypeError('a plan that was not begun');
    switch (task.kind) {
      case 'scan':
        return desk.scan(task.messages);
      case 'groups':
        return desk.groups(task.parts);
      case 'share':
        return desk.share(task.messages, task.references) as undefined;
      case 'shared':
        return desk.shared(task.references, task.asOf);
      case 'rows':
        return desk.rows(task.stored);
      case 'summary':
        return desk.summary();
    }
  }

  #answer({ what, texts, ...question }: LanguageQuestion): Answers['language'] {
    this.#texts = texts ?? this.#texts;
    this.#editor ??= new EditorDesk();
    const asked = { ...question, texts: this.#texts };
    if (what === 'completion') return { items: this.#editor.completions(asked) };
    if (what === 'hover') return { text: this.#editor.hover(asked) ?? null };
    return what === 'definition' ? { at: this.#editor.definition(asked) ?? null } : { diagnostics: this.#editor.diagnostics(asked) };
  }
}

/** The maps of texts, whatever is wrong with them. */
export const compiled = (texts: SpecTexts): LoadedMaps => mapsOf(specFilesOf(texts));

const opened = (vocabulary: VocabularyImage | Vocabulary): Vocabulary => {
  if (!('image' in vocabulary)) return vocabulary;
  const own = vocabularyOf(vocabulary.image);
  return vocabulary.answers.length === 0 ? own : new AnsweredVocabulary(own, vocabulary.answers);
};

function covered(texts: SpecTexts, dir: string): Answers['coverage'] {
  const files = specFilesOf(texts);
  return coverageOf(files, mapsOf(files), caseFilesOf(dir));
}

function checked(texts: SpecTexts, dir: string): Answers['check'] {
  const files = specFilesOf(texts);
  const maps = mapsOf(files);
  return { ...checkFiles(files, maps, { inScope: () => true, find: caseFilesOf(dir) }), specs: lockOf(maps) };
}
