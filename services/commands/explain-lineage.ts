import { configuredSources } from '../config/configured.ts';
import { rulesNamed } from '../config/sources.ts';
import type { Config } from '../config.ts';
import type { ExplainedRow } from '../database/explain.ts';
import { loadMaps } from '../mapping/maps.ts';
import { elementsOfRow, resourceOfRow, tracedRow } from '../pipeline/explain.ts';
import { pullDate } from './house.ts';
import { rowText } from './lineage-text.ts';
import { vocabularyWithoutDatabase } from './vocabulary-folder.ts';

/**
 * Returns, line by line, which rule made each column of the row, from which element, and which bytes of the message that element is from.
 * Where the maps are not those that made the row any more, that is said first.
 */
export async function lineageText(explained: ExplainedRow, config: Config): Promise<readonly string[]> {
  const loaded = loadMaps(config.mappingsDir);
  if (!loaded.ok) return ['no lineage: the maps have errors (npx polyseme check)'];
  const maps = loaded.value;
  const resource = resourceOfRow(explained);
  if (resource === undefined) return [];
  const vocabulary = await vocabularyWithoutDatabase(config);
  const { lineage, spec } = tracedRow(explained, resource, maps, {
    vocabulary,
    timezone: config.cdmTimezone,
    asOf: pullDate(config, new Date()),
  });
  if (lineage === undefined) return ['no lineage: the maps of today do not make this row'];
  const sources = configuredSources(config);
  if (!sources.ok) return ['no lineage: the file of sources has errors (npx polyseme doctor)'];
  const elements =
    explained.message === undefined ? [] : elementsOfRow(explained, maps, rulesNamed(sources.value, explained.message.source));
  return [
    'column by column',
    ...(spec === explained.resource.rowSpec ? [] : [`  (the row was made by ${explained.resource.rowSpec}; this is ${spec})`]),
    ...rowText(lineage, explained.row, elements),
  ];
}
