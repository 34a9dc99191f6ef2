import type { Knex } from 'knex';

/** One trigger for each type that views are made of, instead of one for each view: to take one away would hold up every reader. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE OR REPLACE FUNCTION ops.view_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ops.view_touched (build, resource_key)
  SELECT b.id, CASE WHEN TG_OP = 'DELETE' THEN OLD.resource_key ELSE NEW.resource_key END
  FROM ops.view_build b WHERE b.type = TG_ARGV[0]::smallint AND b.state <> 'failed';
  RETURN NULL;
END $$;
COMMENT ON TABLE ops.view_touched IS 'Resources written or gone since their rows were made. Filled by a trigger of each such type on fhir.resource: no door can forget it.';
`);
}
