/** The published maps of a folder, compiled: what the pipeline calls. */

import { type Problem, problem, type Result } from '../errors.ts';
import type { Resource } from '../fhir/resource.ts';
import type { Message } from '../hl7v2/message.ts';
import type { ResourceRows } from '../omop/row.ts';
import { type CompiledModule, MessageMap } from './compiled.ts';
import type { Conversion, ConvertContext, Maps, RowContext } from './conversion.ts';
import type { Diagnostic } from './diagnostics.ts';
import { offsetOf } from './expression/times.ts';
import { familiesOf, type SpecFamily } from './families.ts';
import { type SpecFile, specFiles } from './files.ts';
import { ambiguities, type Choice, chooseMap } from './sites/match.ts';
import { MessageRun } from './to-fhir/run.ts';
import { compileRowMaps, type RowMaps } from './to-rows/maps.ts';
import { type FieldMasks, unreadFields } from './unread.ts';

export interface LoadedMaps extends Maps {
  readonly messageMaps: readonly MessageMap[];
  readonly families: ReadonlyMap<string, SpecFamily>;
  readonly rowMaps: RowMaps;
  readonly diagnostics: readonly Diagnostic[];
}

/** Returns the maps below `dir`, compiled; fails with a problem per diagnostic when a spec has an error. */
export function loadMaps(dir: string): Result<LoadedMaps> {
  const files = specFiles(dir);
  if (files.length === 0) return { ok: false, problems: [problem('mapping-folder-empty', { folder: dir }, dir)] };
  const maps = mapsOf(files);
  const errors = maps.diagnostics.filter((each) => each.severity === 'error');
  if (errors.length > 0) return { ok: false, problems: errors.map(problemOf) };
  return { ok: true, value: maps, problems: [] };
}

const problemOf = (each: Diagnostic): Problem =>
  problem('mapping-spec-invalid', { code: each.code, reason: each.text.replace(/\.$/, '') }, `${each.file}:${each.line}:${each.column}`);

/** Returns the maps of spec files whatever is wrong with them; `diagnostics` tells. */
export function mapsOf(files: readonly SpecFile[]): LoadedMaps {
  const { families, sites, diagnostics } = familiesOf(files);
  const rowMaps = compileRowMaps(files.filter((each) => !each.isCases).map((each) => each.read));
  const messageMaps = [
    ...[...families.values()].flatMap((family) => family.messages.map((spec) => new MessageMap(spec, family))),
    ...sites.map(({ spec, family }) => new MessageMap(spec, family)),
  ];
  const runner = new Runner(messageMaps);
  return {
    messageMaps,
    families,
    rowMaps,
    diagnostics: [
      ...diagnostics,
      ...ambiguities(messageMaps.map((each) => each.spec)),
      ...messageMaps.flatMap((each) => each.resolveDiagnostics),
      ...rowMaps.diagnostics,
    ],
    convert: (message: Message, context: ConvertContext): Conversion => runner.convert(message, context),
    rows: (resource: Resource, context: RowContext): ResourceRows => rowMaps.rows(resource, context),
  };
}

class Runner {
  readonly #maps: readonly MessageMap[];
  readonly #fit = new Map<string, readonly MessageMap[]>();
  readonly #masks = new Map<CompiledModule, FieldMasks>();

  constructor(maps: readonly MessageMap[]) {
    this.#maps = maps;
  }

  convert(message: Message, context: ConvertContext): Conversion {
    const { type, event, definitionsVersion: version, structure } = message;
    const choice = this.#choose(message, type, event, version, context.site);
    if (!('map' in choice)) return nothing('', whyNone(choice, message, context.site));
    const { map } = choice;
    const missing = [...map.spec.params.values()].some((each) => each.require && each.value === undefined && each.type !== 'timezone');
    if (missing) return nothing(map.label, problem('mapping-param-missing', { spec: map.label }, 'MSH-9'));
    const module = map.module(version, structure);
    if (!module.ok) {
      const reason = module.diagnostics.find((each) => each.severity === 'error')?.code ?? '';
      return nothing(
        map.label,
        problem('mapping-spec-broken', { spec: map.label, structure: structure.slice(0, 20), version, reason }, 'MSH-9'),
      );
    }
    const msh = message.segments[0];
    const authority = context.authority ?? msh?.value(4) ?? msh?.value(4, 1, 2) ?? msh?.value(3) ?? msh?.value(3, 1, 2);
    if (authority === undefined) return nothing(map.label, problem('mapping-no-authority', {}, 'MSH-4'));
    const run = new MessageRun({
      authority,
      timezone: timezoneOf(map, context),
      messageOffset: offsetOf(msh?.value(7)),
      params: paramsOf(map),
      spec: map.label,
      message,
      version,
    });
    module.run(message.root, run);
    const drafts = run.drafts();
    // A message of which nothing is made must not end as applied without a word.
    if (drafts.length === 0 && run.problems.length === 0)
      return nothing(map.label, problem('mapping-nothing-to-map', { message: `${type}^${event}`.slice(0, 20) }, 'MSH-9'));
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
    return chooseMap(this.#maps, message, site);
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
