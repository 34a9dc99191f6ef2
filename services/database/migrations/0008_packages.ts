import type { Knex } from 'knex';

/** FHIR packages that were loaded: what profiles, value sets and code systems resources are validated with. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(PACKAGES);
  await knex.raw(COMPRESSION);
}

const PACKAGES = `
CREATE TABLE fhir.package (
  name text NOT NULL,
  version text NOT NULL,
  title text NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, version)
);
CREATE TABLE fhir.package_resource (
  package text NOT NULL,
  package_version text NOT NULL,
  type text NOT NULL,
  url text NOT NULL,
  version text NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (package, package_version, type, url, version),
  FOREIGN KEY (package, package_version) REFERENCES fhir.package ON DELETE CASCADE
);
CREATE INDEX package_resource_url ON fhir.package_resource (url, type);
`;

// Not every build of PostgreSQL has it: the binaries of the npm registry do not.
const COMPRESSION = `
DO $body$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
    ALTER TABLE fhir.package_resource ALTER COLUMN body SET COMPRESSION lz4;
  END IF;
END
$body$;
`;
