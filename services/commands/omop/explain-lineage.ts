import { configuredSources } from '../../config/configured.ts';
import { rulesNamed } from '../../config/sources.ts';
import type { Config } from '../../config.ts';
import type { ExplainedRow } from '../../database/cdm/explain.ts';
import type { Queryable } from '../../database/connect.ts';
import { Refusal } from '../../errors.ts';
import { elementsOfRow, resourceOfRow, tracedRow } from '../../pipeline/explain.ts';
import { pullDate } from '../house.ts';
import { runningMaps } from '../map/running-maps.ts';
import { vocabularyWithoutDatabase } from '../vocabulary/folder.ts';
import { rowText } from './lineage-text.ts';

/**
 * Returns, line by line, which rule made each column of the row, from which element, and which bytes of the message that element is from.
 * The maps are those that the store runs; where they are not those that made the row any more, that is said first.
 */
export async function lineageText(store: Queryable, explained: ExplainedRow, config: Config): Promise<readonly string[]> {
  const running = await runningMaps(store, config.mappingsDir).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
  if (running === undefined) return ['no lineage: the maps have errors (npx polyseme check)'];
  const { maps } = running;
  const resource = resourceOfRow(explained);
  if (resource === undefined) return [];
  const vocabulary = await vocabularyWithoutDatabase(config);
  const { lineage, spec } = tracedRow(explained, resource, maps, {
    vocabulary,
    timezone: config.cdmTimezone,
    asOf: pullDate(config, new Date()),
  });
  if (lineage === undefined) return [`no lineage: the maps of today (${running.from}) do not make this row`];
  const sources = configuredSources(config);
  if (!sources.ok) return ['no lineage: the file of sources has errors (npx polyseme doctor)'];
  const elements =
    explained.message === undefined ? [] : elementsOfRow(explained, maps, rulesNamed(sources.value, explained.message.source));
  return [
    `column by column, by the maps of ${running.from}`,
    ...(spec === explained.resource.rowSpec ? [] : [`  (the row was made by ${explained.resource.rowSpec}; this is ${spec})`]),
    ...rowText(lineage, explained.row, elements),
  ];
}
