/** Messages through maps: choosing the map, running its module, and what nobody read. */
import { harmless, type Problem, problem } from '../errors.ts';
import type { Message } from '../hl7v2/message.ts';
import { isQuery } from '../hl7v2/query.ts';
import type { CompiledModule, MessageMap, Variant } from './compiled.ts';
import type { Conversion, ConvertContext } from './conversion.ts';
import { authorityOf } from './directory.ts';
import { offsetOf } from './expression/times.ts';
import { bestMatch, type Choice, chooseMap } from './sites/match.ts';
import { JudgingRun } from './to-fhir/judging.ts';
import { MessageRun, type RunSettings } from './to-fhir/run.ts';
import { lineageOf, type TracedConversion } from './trace/lineage.ts';
import { TracedRun } from './trace/run.ts';
import { type FieldMasks, unreadFields } from './unread.ts';

interface Runnable {
  readonly map: MessageMap;
  readonly module: CompiledModule;
  readonly settings: RunSettings;
}

/** Runs messages through the map that takes them. */
export class Runner {
  readonly #maps: readonly MessageMap[];
  readonly #fit = new Map<string, readonly MessageMap[]>();
  readonly #masks = new Map<CompiledModule, FieldMasks>();

  constructor(maps: readonly MessageMap[]) {
    this.#maps = maps;
  }

  /** Returns what the message becomes. */
  convert(message: Message, context: ConvertContext): Conversion {
    const found = this.#runnable(message, context, 'fast');
    return 'problems' in found ? found : this.#converted(message, found, new MessageRun(found.settings));
  }

  /** Returns true when `convert` would neither park nor refuse the message; false when only that can tell. */
  accepts(message: Message, context: ConvertContext): boolean {
    const found = this.#runnable(message, context, 'judging');
    if ('problems' in found) return false;
    const run = new JudgingRun(found.settings);
    found.module.run(message.root, run);
    return run.isTaken;
  }

  /** As convert, by the traced module: slower, and every value tells where it is from. */
  trace(message: Message, context: ConvertContext): TracedConversion {
    const found = this.#runnable(message, context, 'traced');
    if ('problems' in found) return { conversion: found, elements: new Map(), rules: [] };
    const run = new TracedRun(found.settings);
    return lineageOf(message, this.#converted(message, found, run), run, found.module.rules);
  }

  #runnable(message: Message, context: ConvertContext, variant: Variant): Conversion | Runnable {
    const { type, event, definitionsVersion: version, structure } = message;
    const choice = this.#choose(message, type, event, version, context.site);
    if (!('map' in choice)) {
      const why = whyNone(choice, message, context.site);
      // A query that nobody answers now is of no use later: it is refused, and waits for no repair.
      return why.code === 'mapping-query' ? { ...nothing('', why), rung: 'refuse' } : nothing('', why);
    }
    const { map } = choice;
    const second = message.structureProblems.find(({ code, at }) => code === 'hl7v2-segment-unexpected' && at?.startsWith('PID['));
    // What follows a second patient would be said of the first.
    if (second !== undefined) return nothing(map.label, problem('mapping-second-patient', { structure }, second.at));
    const missing = [...map.spec.params.values()].some((each) => each.require && each.value === undefined && each.type !== 'timezone');
    if (missing) return nothing(map.label, problem('mapping-param-missing', { spec: map.label }, 'MSH-9'));
    const module = map.module(version, structure, variant);
    if (!module.ok) {
      const reason = module.diagnostics.find((each) => each.severity === 'error')?.code ?? '';
      return nothing(
        map.label,
        problem('mapping-spec-broken', { spec: map.label, structure: structure.slice(0, 20), version, reason }, 'MSH-9'),
      );
    }
    const msh = message.segments[0];
    const authority = authorityOf(message, context);
    if (authority === undefined) return nothing(map.label, problem('mapping-no-authority', {}, 'MSH-4'));
    const timezone = timezoneOf(map, context);
    const messageOffset = offsetOf(msh?.value(7));
    const { charset, delimiters } = message;
    const marks = Object.values(delimiters).join(' ');
    const memory = module.memories.of(`${marks} ${charset} ${timezone} ${messageOffset ?? ''} ${authority}`);
    return {
      map,
      module,
      settings: { authority, timezone, messageOffset, params: paramsOf(map), spec: map.label, message, version, memory },
    };
  }

  #converted(message: Message, { map, module }: Runnable, run: MessageRun): Conversion {
    module.run(message.root, run);
    const drafts = run.drafts();
    // A message of which nothing is made must not end as applied without a word.
    if (drafts.length === 0 && harmless(run.problems)) {
      const why = problem('mapping-nothing-to-map', { message: `${message.type}^${message.event}`.slice(0, 20) }, 'MSH-9');
      return { ...nothing(map.label, why), problems: [...run.problems, why] };
    }
    const unread = unreadFields(message, { reads: module.reads, ignored: map.ignored }, run.seen, this.#masksOf(module));
    return { drafts, problems: run.problems, unmapped: run.unmapped, unread, rung: run.rung, spec: map.label };
  }

  /** Messages of a kind without sites or rivals need no choosing. */
  #choose(message: Message, type: string, event: string, version: string, site: string | undefined): Choice<MessageMap> {
    const key = `${type}^${event} ${version}`;
    let fit = this.#fit.get(key);
    if (fit === undefined) {
      fit = this.#maps.filter((each) => each.takes(type, event, version));
      if (this.#fit.size < 1000) this.#fit.set(key, fit);
    }
    const [only] = fit;
    if (only !== undefined && fit.length === 1 && site === undefined && only.spec.match.length === 0) return { map: only };
    return site === undefined ? bestMatch(fit, message) : chooseMap(this.#maps, message, site);
  }

  #masksOf(module: CompiledModule): FieldMasks {
    let masks = this.#masks.get(module);
    if (masks === undefined) {
      masks = new Map();
      this.#masks.set(module, masks);
    }
    return masks;
  }
}

function whyNone(choice: Exclude<Choice<MessageMap>, { map: unknown }>, message: Message, site: string | undefined): Problem {
  if ('several' in choice) return problem('mapping-ambiguous', { specs: choice.several.map((each) => each.spec.id).join(', ') }, 'MSH-9');
  if (choice.none === 'unknown-site') return problem('mapping-site-unknown', { site: (site ?? '').slice(0, 80) }, 'MSH-4');
  if (message.type === '' || message.event === '') return problem('mapping-no-type', {}, 'MSH-9');
  if (isQuery(message)) return problem('mapping-query', { message: `${message.type}^${message.event}`.slice(0, 20) }, 'MSH-9');
  return problem('mapping-no-map', { message: `${message.type}^${message.event}`.slice(0, 20) }, 'MSH-9');
}

const nothing = (spec: string, why: Problem): Conversion => ({
  drafts: [],
  problems: [why],
  unmapped: [],
  unread: [],
  rung: 'park-message',
  spec,
});

function timezoneOf(map: MessageMap, context: ConvertContext): string {
  for (const { type, value } of map.spec.params.values()) if (type === 'timezone' && value !== undefined) return value;
  return context.timezone;
}

const paramCache = new WeakMap<MessageMap, ReadonlyMap<string, string>>();

function paramsOf(map: MessageMap): ReadonlyMap<string, string> {
  let params = paramCache.get(map);
  if (params === undefined) {
    params = new Map([...map.spec.params].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value] as const])));
    paramCache.set(map, params);
  }
  return params;
}
