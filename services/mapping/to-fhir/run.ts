/**
 * One conversion while it runs (`X` in emitted code): drafts, problems and unmapped codes of a message, collected in one pass, and the
 * worst rung of the ladder that was reached.
 */
import { type ErrorCode, type Problem, problem } from '../../errors.ts';
import { mergedResource } from '../../fhir/merge.ts';
import type { JsonValue } from '../../fhir/resource.ts';
import type { Message, Segment } from '../../hl7v2/message.ts';
import type { UnmappedCode } from '../../omop/row.ts';
import type { Draft, Rung } from '../conversion.ts';
import { localUriOf, type Run } from '../expression/runtime.ts';
import type { RungName } from '../rules.ts';
import { tableOf } from './definitions.ts';
import { Kins } from './kins.ts';
import { NO_MEMORY, type Remembering } from './memory.ts';
import { segmentLabel } from './positions.ts';
import { referencesIn, withoutReferences } from './references.ts';

export interface Handle {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly reference: { readonly reference: string };
  readonly sameKey: SameKey;
  /** The segment that stands for it in reports. */
  readonly anchor: Segment | undefined;
  parked: boolean;
}

type SameKey = 'merge' | 'keep' | 'number' | 'park-resource';
export type Body = Record<string, JsonValue | undefined> & { resourceType: string; id: string };

const ORDER: readonly Rung[] = ['none', 'drop', 'default', 'park-resource', 'park-message', 'refuse'];

interface Held {
  readonly code: ErrorCode;
  readonly at: string | undefined;
}

export interface RunSettings {
  readonly authority: string;
  readonly timezone: string;
  readonly messageOffset: string | undefined;
  readonly params: ReadonlyMap<string, string>;
  /** id@version#digest. */
  readonly spec: string;
  readonly message: Pick<Message, 'segments'>;
  /** Version of the definitions in use. */
  readonly version: string;
  /** What the module's rules made before, by their numbers. */
  readonly memory?: Remembering;
}

export class MessageRun implements Run {
  error: ErrorCode | undefined;
  held: Held | undefined;
  readonly authority: string;
  readonly timezone: string;
  readonly messageOffset: string | undefined;
  readonly known = new Map<string, string>();
  readonly problems: Problem[] = [];
  readonly unmapped: UnmappedCode[] = [];
  rung: Rung = 'none';
  /** Grows with everything that is told: what was made without a word may be remembered. */
  told = 0;
  /** 1 for every segment that a rule or a loop reached. */
  readonly seen: Uint8Array;
  /** False when the message deletes nothing: then nobody needs to look. */
  readonly deleting: boolean;
  readonly #settings: RunSettings;
  readonly #uris = new Map<string, string>();
  /** What rules made before, by their numbers; of nothing when the message deletes, which is told as it is met. */
  readonly memory: Remembering;
  readonly #kins: Kins;
  readonly #drafts = new Map<string, { body: Body; update: Draft['update']; deletes: string[]; handle: Handle }>();
  readonly #parked = new Set<string>();
  #deletes: string[] = [];
  #park = false;
  #anchor: Segment | undefined;
  #onError: RungName = 'park-resource';

  constructor(settings: RunSettings) {
    this.#settings = settings;
    this.authority = settings.authority;
    this.#kins = new Kins(settings.authority);
    this.timezone = settings.timezone;
    this.messageOffset = settings.messageOffset;
    const { segments } = settings.message;
    this.seen = new Uint8Array(segments.length);
    this.deleting = segments.some((each) => each.text.includes('""'));
    this.memory = this.deleting ? NO_MEMORY : (settings.memory ?? NO_MEMORY);
  }

  /** The segment as the map reads it; marks it as reached. */
  reach(segment: Segment): Segment {
    this.seen[segment.index] = 1;
    return segment;
  }

  localUri(name: string): string {
    let uri = this.#uris.get(name);
    if (uri === undefined) {
      uri = localUriOf(this.authority, name);
      this.#uris.set(name, uri);
    }
    return uri;
  }

  param(name: string): string | undefined {
    return this.#settings.params.get(name);
  }

  tableUri(segment: string, field: number): string | undefined {
    return tableOf(this.#settings.version, segment, field);
  }

  #reach(rung: Rung): void {
    if (ORDER.indexOf(rung) > ORDER.indexOf(this.rung)) this.rung = rung;
    if (rung === 'park-resource') this.#park = true;
  }

  /** Something decided though nothing is lost. */
  note(code: ErrorCode): void {
    this.told += 1;
    this.problems.push(problem(code, { zone: this.timezone }));
  }

  /** The author's own word for an outcome. */
  reported(word: string, element: string, anchor = this.#anchor): void {
    this.told += 1;
    this.problems.push(problem('mapping-reported', { word, element }, anchor === undefined ? element : segmentLabel(anchor)));
  }

  /** A conversion failed (`error` says how) and no rule around it handles it. */
  failed(at: string | undefined, rung: RungName): void {
    this.told += 1;
    const code = this.error;
    this.error = undefined;
    if (code === undefined) return;
    this.problems.push(problem(code, {}, at));
    this.#reach(rung);
  }

  /** A conversion failed inside a rule that handles it: the first failure is held for it. */
  pending(at: string | undefined): void {
    this.told += 1;
    if (this.error !== undefined) this.held ??= { code: this.error, at };
    this.error = undefined;
  }

  /** The rule around handles what was held. */
  release(rung: RungName): void {
    this.told += 1;
    if (this.held !== undefined) this.problems.push(problem(this.held.code, {}, this.held.at));
    this.held = undefined;
    this.#reach(rung);
  }

  /** A needed element has no value: in a nested object the object is left out, at the top the resource goes its onError way. */
  lacks(element: string, top: boolean): void {
    this.told += 1;
    // What an outer rule holds already says why the part is missing.
    if (!top && this.held !== undefined) return;
    const at = this.#anchor === undefined ? element : segmentLabel(this.#anchor);
    this.problems.push(problem(top ? 'mapping-element-missing' : 'mapping-part-missing', { element }, at));
    this.#reach(top ? this.#onError : 'drop');
    if (top && this.#onError !== 'drop') this.#park = true;
  }

  /** A place had a value of which its datatype map made nothing. */
  nothingMade(at: string): void {
    this.told += 1;
    this.problems.push(problem('mapping-nothing-made', {}, at));
    this.#reach('drop');
  }

  /** A rule chose one of many values. */
  leftOut(count: number, at: string | undefined): void {
    this.told += 1;
    this.problems.push(problem('mapping-values-left-out', { count }, at));
    this.#reach('drop');
  }

  unmappedCode(system: string, code: string, at: string | undefined, rung: 'report' | RungName): void {
    this.told += 1;
    const shown = code.length > 200 ? code.slice(0, 200) : code;
    const known = this.unmapped.some((each) => each.code === shown && each.system === system && each.at === (at ?? ''));
    if (!known) this.unmapped.push({ system, code: shown, why: 'no-row', at: at ?? '' });
    this.#reach(rung === 'report' ? 'drop' : rung);
  }

  deleteIf(segment: Segment | undefined, field: number, names: readonly string[]): void {
    if (!this.deleting || segment?.state(field) !== 'delete') return;
    for (const name of names) if (!this.#deletes.includes(name)) this.#deletes.push(name);
  }

  /** Returns the identity of a resource, or undefined (reported, parked) when a part of its key is empty. */
  handle(
    type: string,
    parts: readonly (string | undefined)[],
    name: string,
    sameKey: SameKey,
    onError: RungName,
    anchor?: Segment,
  ): Handle | undefined {
    this.error = undefined;
    const key: string[] = [];
    for (const part of parts) {
      if (part === undefined) {
        this.problems.push(problem('mapping-key-empty', { type, name }, anchor === undefined ? type : segmentLabel(anchor)));
        this.#reach(onError === 'drop' ? 'park-resource' : onError);
        return undefined;
      }
      key.push(part);
    }
    const { id, reference } = this.#kins.identify(type, key, sameKey === 'number');
    return { id, type, name, reference: { reference }, sameKey, anchor, parked: false };
  }

  begin(onError: RungName, handle: Handle): void {
    this.#anchor = handle.anchor;
    this.#deletes = [];
    this.#park = false;
    this.#onError = onError;
    this.error = undefined;
    this.held = undefined;
  }

  finish(body: Body, handle: Handle, update: Draft['update']): void {
    if (this.#park) {
      handle.parked = true;
      this.#parked.add(handle.reference.reference);
      return;
    }
    const known = this.#drafts.get(handle.reference.reference);
    const deletes = this.#deletes;
    if (known === undefined) this.#drafts.set(handle.reference.reference, { body, update, deletes, handle });
    else if (handle.sameKey === 'merge') {
      // As a message changes what is stored: groups of elements member by member (a specimen's collection), values and lists as a whole.
      known.body = mergedResource(known.body, body, []);
      known.deletes.push(...deletes.filter((name) => !known.deletes.includes(name)));
    } else if (handle.sameKey !== 'keep' && JSON.stringify(known.body) !== JSON.stringify(body)) {
      this.problems.push(
        problem(
          'mapping-key-repeated',
          { type: handle.type, name: handle.name },
          handle.anchor === undefined ? handle.type : segmentLabel(handle.anchor),
        ),
      );
      this.#reach('park-resource');
    }
  }

  /** Returns references to every resource made so far, in order: what a Provenance is about. */
  made(): readonly { readonly reference: string }[] {
    return [...this.#drafts.values()].map(({ handle }) => handle.reference);
  }

  /** Returns the drafts; what refers to a parked resource loses the reference, or is parked with it where it cannot be without. */
  drafts(): readonly Draft[] {
    this.#settle();
    const { spec } = this.#settings;
    const drafts: Draft[] = [];
    for (const [reference, { body, update, deletes }] of this.#drafts) {
      const kin = this.#kins.kin(body.resourceType, reference);
      drafts.push(kin === undefined ? { resource: body, update, deletes, spec } : { resource: body, update, deletes, spec, kin });
    }
    return drafts;
  }

  #settle(): void {
    for (let found = this.#parked.size > 0; found; ) {
      found = false;
      for (const [reference, { body, handle }] of this.#drafts) {
        if (![...referencesIn(body)].some((each) => this.#parked.has(each))) continue;
        const rest = withoutReferences(body, this.#parked);
        this.problems.push(
          problem(
            'mapping-reference-parked',
            { type: handle.type, name: handle.name },
            handle.anchor === undefined ? handle.type : segmentLabel(handle.anchor),
          ),
        );
        this.#reach('park-resource');
        if (rest !== undefined) {
          for (const name of Object.keys(body)) if (!(name in rest)) delete body[name];
          Object.assign(body, rest);
        } else {
          this.#drafts.delete(reference);
          this.#parked.add(reference);
          found = true;
        }
      }
    }
  }
}
