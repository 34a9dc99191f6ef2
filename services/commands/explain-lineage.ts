import { configuredSources } from '../config/configured.ts';
import { rulesNamed, type Sources } from '../config/sources.ts';
import type { Config } from '../config.ts';
import { ROWS_PER_RESOURCE } from '../database/cdm-tables.ts';
import type { ExplainedRow } from '../database/explain.ts';
import { readJson } from '../fhir/json.ts';
import type { Resource } from '../fhir/resource.ts';
import { type LoadedMaps, loadMaps } from '../mapping/maps.ts';
import type { ElementLineage } from '../mapping/trace/lineage.ts';
import { contextOf, parsedBy } from '../pipeline/parts.ts';
import { pullDate } from './house.ts';
import { rowText } from './lineage-text.ts';
import { vocabularyWithoutDatabase } from './vocabulary-folder.ts';

/**
 * Returns, line by line, which rule made each column of the row, from which element, and which bytes of the message that element is from.
 * Nothing of it is stored: the resource and the message are mapped again and watched. Where the maps are not those that made the row any
 * more, that is said first.
 */
export async function lineageText(explained: ExplainedRow, config: Config): Promise<readonly string[]> {
  const loaded = loadMaps(config.mappingsDir);
  if (!loaded.ok) return ['no lineage: the maps have errors (npx polyseme check)'];
  const maps = loaded.value;
  const body = readJson(Buffer.from(explained.resource.body, 'utf8'));
  if (!body.ok) return [];
  const resource: Resource = { ...body.value, resourceType: explained.resource.type, id: explained.resource.id };
  const vocabulary = await vocabularyWithoutDatabase(config);
  const traced = maps.rowMaps.trace(resource, { vocabulary, timezone: config.cdmTimezone, asOf: pullDate(config, new Date()) });
  const n = explained.id % ROWS_PER_RESOURCE;
  const ofTable = traced.rows.filter((each) => each.table === explained.table);
  const row = ofTable.find((each) => each.n === n) ?? (ofTable.length === 1 ? ofTable[0] : undefined);
  if (row === undefined) return ['no lineage: the maps of today do not make this row'];
  const sources = configuredSources(config);
  if (!sources.ok) return ['no lineage: the file of sources has errors (npx polyseme doctor)'];
  const elements = elementsOf(explained, maps, sources.value);
  return [
    'column by column',
    ...(traced.made.spec === explained.resource.rowSpec
      ? []
      : [`  (the row was made by ${explained.resource.rowSpec}; this is ${traced.made.spec})`]),
    ...rowText(row, explained.row, elements),
  ];
}

/** Lineage of the resource's elements in the message that made its last version, read by the rules of its source; none when it came as FHIR. */
function elementsOf({ message, resource }: ExplainedRow, maps: LoadedMaps, sources: Sources): readonly ElementLineage[] {
  if (message === undefined || resource.spec === '') return [];
  const rules = rulesNamed(sources, message.source);
  const parsed = parsedBy(rules, message.content);
  if (!parsed.ok) return [];
  return maps.trace(parsed.value, contextOf(rules)).elements.get(`${resource.type}/${resource.id}`) ?? [];
}
