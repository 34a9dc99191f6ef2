import type { Knex } from 'knex';

/** FHIR packages that were loaded: what profiles, value sets and code systems resources are validated with. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(PACKAGES);
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
  body text COMPRESSION lz4 NOT NULL,
  PRIMARY KEY (package, package_version, type, url, version),
  FOREIGN KEY (package, package_version) REFERENCES fhir.package ON DELETE CASCADE
);
CREATE INDEX package_resource_url ON fhir.package_resource (url, type);
`;
