/** All specs of a folder by kind and name; one family per top folder (v2-to-fhir, …). */

import { kindOf } from '../fhir/definitions.ts';
import { type Diagnostic, diagnostic, didYouMean } from './diagnostics.ts';
import type { SpecFile } from './files.ts';
import { type ResolvedSite, resolveSites } from './sites/site.ts';
import type { SiteSpec, Spec, SpecFamily, TypeSpec } from './spec.ts';
import { specOf } from './spec-read.ts';

export interface Families {
  readonly families: ReadonlyMap<string, SpecFamily>;
  readonly sites: readonly ResolvedSite[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Returns the specs of files that are no row maps, and what is wrong with them. */
export function familiesOf(files: readonly SpecFile[]): Families {
  const families = new Map<string, SpecFamily>();
  const diagnostics: Diagnostic[] = [];
  const ids = new Map<string, string>();
  const written: { spec: SiteSpec; path: string }[] = [];
  for (const file of files) {
    if (file.isCases) continue;
    const { spec, diagnostics: faults } = specOf(file.read);
    if (spec?.kind === 'rows') continue;
    diagnostics.push(...faults);
    if (spec === undefined) continue;
    const other = ids.get(spec.id);
    if (other !== undefined) diagnostics.push(diagnostic('duplicate-map', spec.at, { name: spec.id, other }));
    ids.set(spec.id, file.file);
    if (spec.kind === 'site') written.push({ spec, path: file.path });
    else add(spec, file, families, diagnostics);
  }
  const { sites, diagnostics: faults } = resolveSites(written, families);
  return { families, sites, diagnostics: [...diagnostics, ...faults] };
}

function add(
  spec: Exclude<Spec, { kind: 'rows' | 'site' }>,
  file: SpecFile,
  families: Map<string, SpecFamily>,
  diagnostics: Diagnostic[],
): void {
  const slash = file.path.indexOf('/');
  const name = slash < 0 ? '' : file.path.slice(0, slash);
  const path = file.path.slice(slash + 1);
  let family = families.get(name);
  if (family === undefined) {
    family = { name, types: new Map(), tables: new Map(), resources: new Map(), messages: [], records: [], siteTypes: new Map() };
    families.set(name, family);
  }
  if (spec.kind === 'table') family.tables.set(path, spec);
  else if (spec.kind === 'resource') family.resources.set(path, spec);
  else if (spec.kind === 'message') family.messages.push(spec);
  else if (spec.kind === 'records') family.records.push(spec);
  else addType(spec, name === 'sites' ? siteTypes(family, path) : family.types, diagnostics);
}

function siteTypes(family: SpecFamily, path: string): Map<string, TypeSpec> {
  const folder = path.split('/')[0] ?? '';
  const types = family.siteTypes.get(folder) ?? new Map<string, TypeSpec>();
  family.siteTypes.set(folder, types);
  return types;
}

function addType(spec: TypeSpec, types: Map<string, TypeSpec>, diagnostics: Diagnostic[]): void {
  if (kindOf(spec.targetType) === undefined) {
    diagnostics.push(diagnostic('unknown-type', spec.at, { name: spec.targetType, nearest: didYouMean(spec.targetType, COMMON_TYPES) }));
  }
  for (const source of spec.sourceTypes) {
    const pair = `${source} ${spec.targetType}`;
    const other = types.get(pair);
    if (other !== undefined)
      diagnostics.push(diagnostic('duplicate-map', spec.at, { name: `${source} to ${spec.targetType}`, other: other.file }));
    types.set(pair, spec);
  }
}

const COMMON_TYPES = [
  ...[
    'CodeableConcept',
    'Coding',
    'Identifier',
    'HumanName',
    'Address',
    'ContactPoint',
    'Quantity',
    'Range',
    'Ratio',
    'Period',
    'Reference',
  ],
  ...['Annotation', 'Attachment', 'Money', 'Location', 'uri', 'string', 'code'],
];
