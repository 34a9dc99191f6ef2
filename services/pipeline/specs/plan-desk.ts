/** The work of a plan, message by message, and its sums. Pure but for the time it takes: it runs in a thread of its own, or where there is none in this one. */
import type { SourceRules } from '../../config/rules.ts';
import type { PlanChange, RecordedMessage } from '../../database/specs/plans.ts';
import { readJson } from '../../fhir/format/json.ts';
import type { Resource } from '../../fhir/resource.ts';
import type { LoadedMaps } from '../../mapping/maps.ts';
import { type Both, type CompareParts, Comparison } from './compare.ts';
import { Differences } from './differences.ts';

export interface PlannedMessage extends Omit<RecordedMessage, 'spec'> {
  readonly rules: SourceRules;
}

/** What a scan finds out of one message. */
export interface Scanned {
  readonly id: number;
  readonly patients: readonly string[];
  readonly isTouched: boolean;
}

export interface ScanPage {
  readonly messages: readonly Scanned[];
  /** 'Type/id' of what is nobody's and is said otherwise of. */
  readonly shared: readonly string[];
  readonly changes: readonly PlanChange[];
}

export interface StoredBody {
  readonly type: string;
  readonly id: string;
  readonly body: string;
  /** YYYY-MM-DD. */
  readonly asOf: string;
  /** Bodies of what it names, by reference. */
  readonly named: Readonly<Record<string, string>>;
}

export interface KindCounts {
  added: number;
  changed: number;
  gone: number;
  moved: number;
}

export interface PlanSummary {
  readonly messages: {
    readonly looked: number;
    readonly before: Readonly<Record<string, number>>;
    readonly after: Readonly<Record<string, number>>;
    /** Applied today, and not by the draft; and the other way round. */
    readonly willPark: number;
    readonly willApply: number;
  };
  readonly resources: KindCounts & { readonly byKind: Readonly<Record<string, KindCounts>> };
  readonly rows: KindCounts & { readonly byKind: Readonly<Record<string, KindCounts>> };
  /** Codes without a concept-map row; and by code where before and after differ. */
  readonly unmapped: Differing & { readonly codes: readonly (Sides & { readonly system: string; readonly code: string })[] };
  readonly issues: Differing & { readonly codes: readonly (Sides & { readonly code: string })[] };
  /** Mean milliseconds per message that both had to convert. */
  readonly time: { readonly beforeMs: number; readonly afterMs: number; readonly messages: number };
  /** What must be acknowledged before publishing. */
  readonly removals: Removals;
}

export interface Sides {
  readonly before: number;
  readonly after: number;
}

/** `codes` beside it are at most 500, those that differ most. */
export interface Differing extends Sides {
  /** Codes whose sides differ, all of them; undefined in plans that were made before this was counted. */
  readonly differ?: number;
}

export interface Removals {
  readonly resourcesGone: number;
  readonly rowsGone: number;
  readonly moved: number;
  readonly messagesParked: number;
}

const none = (): KindCounts => ({ added: 0, changed: 0, gone: 0, moved: 0 });
const MOST_CODES = 500;

class Tally {
  readonly #all = new Map<string, { before: number; after: number }>();

  add(side: 'before' | 'after', name: string): void {
    const known = this.#all.get(name) ?? { before: 0, after: 0 };
    known[side] += 1;
    this.#all.set(name, known);
  }

  sums(): Sides {
    const all = [...this.#all.values()];
    return { before: all.reduce((sum, each) => sum + each.before, 0), after: all.reduce((sum, each) => sum + each.after, 0) };
  }

  /** The sums, how many names differ, and those that differ most. */
  told<T>(of: (name: string, sides: Sides) => T): Differing & { readonly codes: readonly T[] } {
    const differing = [...this.#all].filter(([, { before, after }]) => before !== after);
    const most = differing.toSorted(([, a], [, b]) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before)).slice(0, MOST_CODES);
    return { ...this.sums(), differ: differing.length, codes: most.map(([name, sides]) => of(name, sides)) };
  }
}

export class PlanDesk {
  readonly #comparison: Comparison;
  readonly #status = { before: new Map<string, number>(), after: new Map<string, number>() };
  readonly #counts = {
    resource: new Map<string, KindCounts>(),
    row: new Map<string, KindCounts>(),
    message: new Map<string, KindCounts>(),
  };
  readonly #unmapped = new Tally();
  readonly #issues = new Tally();
  #looked = 0;
  #timed = { messages: 0, before: 0, after: 0 };
  #shared: Both[] = [];
  /** What was compared already, rows and all. */
  readonly #compared = new Set<string>();

  constructor(parts: CompareParts) {
    this.#comparison = new Comparison(parts);
  }

  /** Resource types whose rows another map makes. */
  get rowTypes(): readonly string[] {
    return [...this.#comparison.rowTypes];
  }

  /** Looks at messages for the first time. */
  scan(messages: readonly PlannedMessage[]): ScanPage {
    const found = new Differences();
    const shared = new Set<string>();
    const scanned = messages.map((message) => {
      const both = this.#comparison.both(message, message.rules);
      this.#count(both);
      if (both.before.status !== both.after.status) found.message(message.id, both.before.status, both.after.status);
      for (const reference of both.shared) shared.add(reference);
      return { id: message.id, patients: both.patients, isTouched: both.touched.length > 0 };
    });
    return { messages: scanned, shared: [...shared], changes: this.#counted(found) };
  }

  #count(both: Both): void {
    this.#looked += 1;
    for (const side of ['before', 'after'] as const) {
      const { status, problems, unmapped } = both[side];
      this.#status[side].set(status, (this.#status[side].get(status) ?? 0) + 1);
      for (const { code } of problems) this.#issues.add(side, code);
      for (const { system, code } of unmapped) this.#unmapped.add(side, `${system}\n${code}`);
    }
    if (both.before === both.after) return;
    this.#timed.messages += 1;
    this.#timed.before += both.beforeMs;
    this.#timed.after += both.afterMs;
  }

  #counted(found: Differences): readonly PlanChange[] {
    for (const { what, kind, change } of found.all) {
      const known = this.#counts[what].get(kind) ?? none();
      known[change] += 1;
      this.#counts[what].set(kind, known);
    }
    return found.all;
  }

  /** Compares what hangs on the patients of messages: all messages that speak of them, in any number of parts. */
  groups(parts: readonly (readonly PlannedMessage[])[]): readonly PlanChange[] {
    return parts.flatMap((messages) => {
      const all = messages.map((message) => this.#comparison.both(message, message.rules));
      return this.#differences(
        all,
        all.flatMap(({ touched }) => touched),
        dayOf(messages),
      );
    });
  }

  #differences(all: readonly Both[], references: readonly string[], asOf: string): readonly PlanChange[] {
    if (this.#comparison.rowTypes.size > 0) for (const reference of references) this.#compared.add(reference);
    return this.#counted(this.#comparison.differences(all, new Set(references), asOf));
  }

  /** Takes what messages say of resources that are nobody's. */
  share(messages: readonly PlannedMessage[], references: readonly string[]): void {
    const named = new Set(references);
    for (const message of messages) {
      const both = this.#comparison.both(message, message.rules);
      const cut = (side: 'before' | 'after') => ({
        ...both[side],
        changes: both[side].changes.filter(({ resource }) => named.has(`${resource.resourceType}/${resource.id}`)),
      });
      const [before, after] = [cut('before'), cut('after')];
      if (before.changes.length + after.changes.length > 0) this.#shared.push({ ...both, before, after });
    }
  }

  /** Compares what was taken of resources that are nobody's. */
  shared(references: readonly string[], asOf: string): readonly PlanChange[] {
    const all = this.#shared;
    this.#shared = [];
    return this.#differences(all, references, asOf);
  }

  /** Compares the rows of stored resources, whose content stays. */
  rows(stored: readonly StoredBody[]): readonly PlanChange[] {
    const found = new Differences();
    const { before, after } = this.#comparison.parts;
    for (const { type, id, body, asOf, named } of stored) {
      const resource = this.#compared.has(`${type}/${id}`) ? undefined : read(type, id, body);
      if (resource === undefined) continue;
      const lookup = (reference: string) => {
        const [namedType = '', namedId = ''] = reference.split('/');
        return Object.hasOwn(named, reference) ? read(namedType, namedId, named[reference] ?? '') : undefined;
      };
      const rowsBy = (maps: LoadedMaps) => this.#comparison.rows(maps, resource, asOf, lookup);
      found.rows(`${type}/${id}`, rowsBy(before), rowsBy(after));
    }
    return this.#counted(found);
  }

  summary(): PlanSummary {
    const of = (what: 'resource' | 'row') => {
      const byKind = Object.fromEntries([...this.#counts[what]].toSorted(([a], [b]) => (a < b ? -1 : 1)));
      const sum = (change: keyof KindCounts) => Object.values(byKind).reduce((total, each) => total + each[change], 0);
      return { added: sum('added'), changed: sum('changed'), gone: sum('gone'), moved: sum('moved'), byKind };
    };
    const [resources, rows] = [of('resource'), of('row')];
    const messages = [...this.#counts.message.values()];
    const willPark = messages.reduce((sum, { gone }) => sum + gone, 0);
    const { messages: timed, before, after } = this.#timed;
    const mean = (ms: number): number => (timed === 0 ? 0 : Math.round((ms / timed) * 1_000) / 1_000);
    return {
      messages: {
        looked: this.#looked,
        before: Object.fromEntries(this.#status.before),
        after: Object.fromEntries(this.#status.after),
        willPark,
        willApply: messages.reduce((sum, { added }) => sum + added, 0),
      },
      resources,
      rows,
      unmapped: this.#unmapped.told((name, sides) => ({ system: name.split('\n')[0] ?? '', code: name.split('\n')[1] ?? '', ...sides })),
      issues: this.#issues.told((code, sides) => ({ code, ...sides })),
      time: { beforeMs: mean(before), afterMs: mean(after), messages: timed },
      removals: { resourcesGone: resources.gone, rowsGone: rows.gone, moved: resources.moved + rows.moved, messagesParked: willPark },
    };
  }
}

const dayOf = (messages: readonly PlannedMessage[]): string => (messages.at(-1)?.receivedAt ?? '').slice(0, 10);

function read(type: string, id: string, body: string): (Resource & { readonly id: string }) | undefined {
  const parsed = readJson(body);
  return parsed.ok ? { ...parsed.value, resourceType: type, id } : undefined;
}
