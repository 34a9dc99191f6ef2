import type { ImplicitValueSet } from '../provider.ts';
import type { SystemManifest } from './manifest.ts';

/**
 * Returns the value set that a URL of SNOMED CT (http://hl7.org/fhir/R4/snomedct.html#implicit: ?fhir_vs, =isa/X, =refset, =refset/X, =ecl/X)
 * or of LOINC (http://hl7.org/fhir/R4/loinc.html: /vs, /vs/LL… answer lists, /vs/LP… parts) names; undefined when it names none, or one of a
 * concept that is not there (`has`): an empty answer would hide that the code is wrong.
 */
export function implicitSet(manifest: SystemManifest, url: string, has: (code: string) => boolean): ImplicitValueSet | undefined {
  if (manifest.kind === 'snomed') return snomedSet(manifest, url, has);
  if (manifest.kind === 'loinc') return loincSet(url, has);
  return undefined;
}

function snomedSet({ url: system, version }: SystemManifest, url: string, has: (code: string) => boolean): ImplicitValueSet | undefined {
  const split = url.indexOf('?fhir_vs');
  if (split < 0) return undefined;
  const base = url.slice(0, split);
  if (base !== system && base !== version && !version.startsWith(`${base}/version/`)) return undefined;
  const query = url.slice(split + '?fhir_vs'.length);
  const set = (title: string, ...filters: ImplicitValueSet['filters']): ImplicitValueSet => ({
    url,
    name: 'SNOMED_CT',
    title: `SNOMED CT: ${title}`,
    filters,
    isOfVersion: base !== system,
  });
  if (query === '') return set('all concepts');
  const match = /^=(isa|refset|ecl)(?:\/(.+))?$/s.exec(query);
  const [, kind, encoded] = match ?? [];
  const value = encoded === undefined ? undefined : decoded(encoded);
  if (kind === 'refset' && value === undefined) return set('reference sets', { property: 'refset', op: 'exists', value: 'true' });
  if (value === undefined) return undefined;
  if (kind === 'isa' && !has(value)) return undefined;
  if (kind === 'isa') return set(`${value} and what is below it`, { property: 'concept', op: 'is-a', value });
  if (kind === 'refset') return set(`members of ${value}`, { property: 'concept', op: 'in', value });
  return kind === 'ecl' ? set(value, { property: 'constraint', op: '=', value }) : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function loincSet(url: string, has: (code: string) => boolean): ImplicitValueSet | undefined {
  const match = /^http:\/\/loinc\.org\/vs(?:\/(L[LP][\d-]+))?$/.exec(url);
  if (match === null) return undefined;
  const [, code] = match;
  if (code === undefined) return { url, name: 'LOINC', title: 'LOINC: all codes', filters: [] };
  if (!has(code)) return undefined;
  const filter = code.startsWith('LL') ? { property: 'LIST', op: '=', value: code } : { property: 'concept', op: 'is-a', value: code };
  return { url, name: code.replaceAll('-', '_'), title: `LOINC: ${code}`, filters: [filter] };
}
