/** What other tools need to open the database, without its password. */

export const SNIPPETS = ['r', 'python', 'jdbc', 'duckdb'] as const;
export type Tool = (typeof SNIPPETS)[number];

interface Place {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
}

function placeOf(url: URL): Place {
  const host = url.searchParams.get('host') ?? url.hostname;
  const database = decodeURIComponent(url.pathname.slice(1)) || 'polyseme';
  return { host: host === '' ? '127.0.0.1' : host, port: url.port || '5432', database, user: decodeURIComponent(url.username) };
}

/** Returns lines to paste. Passwords come from PGPASSWORD. */
export function snippet(tool: Tool, url: URL): string {
  const { host, port, database, user } = placeOf(url);
  const jdbc = `jdbc:postgresql://${host}:${port}/${database}`;
  switch (tool) {
    case 'r':
      return `# ids are bigint: integer64 keeps them whole
con <- DBI::dbConnect(RPostgres::Postgres(), host = "${host}", port = ${port}, dbname = "${database}", user = "${user}",
                      password = Sys.getenv("PGPASSWORD"), bigint = "integer64")
cdm <- CDMConnector::cdmFromCon(con, cdmSchema = "cdm", writeSchema = "results", cdmName = "polyseme")

# HADES
connectionDetails <- DatabaseConnector::createConnectionDetails(dbms = "postgresql", server = "${host}/${database}", port = ${port},
                                                                user = "${user}", password = Sys.getenv("PGPASSWORD"))`;
    case 'python':
      return `import os, psycopg
con = psycopg.connect(host="${host}", port=${port}, dbname="${database}", user="${user}", password=os.environ["PGPASSWORD"])
print(con.execute("SELECT count(*) FROM cdm.person").fetchone())`;
    case 'jdbc':
      return `${jdbc}?user=${encodeURIComponent(user)}&currentSchema=cdm`;
    case 'duckdb':
      return `INSTALL postgres; LOAD postgres;
ATTACH 'host=${host} port=${port} dbname=${database} user=${user}' AS polyseme (TYPE postgres, READ_ONLY);
SELECT count(*) FROM polyseme.cdm.person;`;
  }
}

/** The kinds of daimon that WebAPI knows: 0 CDM, 1 vocabulary, 2 results, 5 temporary tables. */
const DAIMONS: readonly (readonly [type: number, schema: string, priority: number])[] = [
  [0, 'cdm', 1],
  [1, 'cdm', 1],
  [2, 'results', 1],
  [5, 'results', 0],
];

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const named = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** Returns the rows of WebAPI's source and source_daimon (https://github.com/OHDSI/WebAPI/wiki/CDM-Configuration) as SQL. */
export function atlasSql(
  url: URL,
  options: { readonly name: string; readonly key: string; readonly sourceId: number; readonly webapiSchema: string },
): string {
  const { host, port, database, user } = placeOf(url);
  const { name, key, sourceId } = options;
  if (!Number.isSafeInteger(sourceId) || sourceId < 1) throw new RangeError('the number of a source is 1 or more');
  const schema = named(options.webapiSchema);
  const connection = `jdbc:postgresql://${host}:${port}/${database}?user=${encodeURIComponent(user)}&password=PASSWORD`;
  const daimons = DAIMONS.map(
    ([type, qualifier, priority], i) => `  (${sourceId * 10 + i}, ${sourceId}, ${type}, ${quoted(qualifier)}, ${priority})`,
  ).join(',\n');
  return `INSERT INTO ${schema}.source (source_id, source_name, source_key, source_connection, source_dialect, is_cache_enabled)
VALUES (${sourceId}, ${quoted(name)}, ${quoted(key)}, ${quoted(connection)}, 'postgresql', true);
INSERT INTO ${schema}.source_daimon (source_daimon_id, source_id, daimon_type, table_qualifier, priority) VALUES
${daimons};`;
}
