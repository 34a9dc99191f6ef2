/** The one row of cdm_source, which every OHDSI tool reads first (omop-rules 66). */
import type { Database } from '../connect.ts';

export interface CdmSource {
  /** At most 255, 25 and 255 characters. */
  readonly name: string;
  readonly abbreviation: string;
  readonly holder: string;
  readonly description: string;
  /** 'id@version' of the software and of what it ran with; at most 255 characters. */
  readonly etlReference: string;
  /** 'YYYY-MM-DD': until when the source data reach, and when the CDM was last brought up to them. */
  readonly sourceReleaseDate: string;
  readonly cdmReleaseDate: string;
}

/** OMOP CDM v5.4.0, domain Metadata. */
const CDM_VERSION_CONCEPT_ID = 756265;

/** Writes the row, replacing the one that is there. vocabulary_version is that of the loaded release, 'none' before one is loaded. */
export async function writeCdmSource(database: Database, source: CdmSource): Promise<void> {
  await database.transaction(async (tx) => {
    // Two writers of the one row: the second waits, then replaces.
    await tx.query('LOCK TABLE cdm.cdm_source IN SHARE ROW EXCLUSIVE MODE');
    await tx.run('DELETE FROM cdm.cdm_source');
    await tx.run(
      `INSERT INTO cdm.cdm_source (cdm_source_name, cdm_source_abbreviation, cdm_holder, source_description, cdm_etl_reference,
         source_release_date, cdm_release_date, cdm_version, cdm_version_concept_id, vocabulary_version)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'v5.4', $8,
         left(coalesce((SELECT vocabulary_version FROM cdm.vocabulary WHERE vocabulary_id = 'None'), 'none'), 20))`,
      [
        source.name,
        source.abbreviation,
        source.holder,
        source.description,
        source.etlReference,
        source.sourceReleaseDate,
        source.cdmReleaseDate,
        CDM_VERSION_CONCEPT_ID,
      ],
    );
  });
}
