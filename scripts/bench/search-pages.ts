/**
 * node scripts/bench/search-pages.ts FOLDER [searches] [plan]: what each kind of search asks of PostgreSQL, over a store that scripts/bench/search.ts
 * has filled (POLYSEME_BENCH_STORES): statements, pages and planning, which do not depend on who else works on the machine. With "plan" the
 * plans of one search are written too.
 */
import pg from 'pg';
import { z } from 'zod';
import type { Database, Prepared, Queryable, Transaction } from '../../services/database/connect.ts';
import { searchResources } from '../../services/database/search/search.ts';
import { parseSearch } from '../../services/fhir/search/parse.ts';
import { withHouse } from './house.ts';
import { number, quantile } from './measure.ts';
import { KINDS, PER_PATIENT } from './search.ts';

const [folder = '', searches = 40, mode = ''] = [process.argv[2], Number(process.argv[3] ?? 40), process.argv[4]];

interface Asked {
  readonly statement: string | Prepared;
  readonly values: readonly unknown[];
}

/** The same database, with every statement written down. */
function overheard(database: Database, asked: Asked[]): Database {
  const query =
    (to: Queryable): Queryable['query'] =>
    (statement, values = []) => {
      asked.push({ statement, values });
      return to.query(statement, values);
    };
  return {
    ...database,
    query: query(database),
    snapshot: (work, options) => {
      asked.push({ statement: 'BEGIN', values: [] }, { statement: 'COMMIT', values: [] });
      return database.snapshot((tx: Transaction) => work({ ...tx, query: query(tx) }), options);
    },
  };
}

const explained = z.tuple([
  z.object({
    'Execution Time': z.number(),
    'Planning Time': z.number(),
    Plan: z.looseObject({ 'Shared Hit Blocks': z.number(), 'Shared Read Blocks': z.number() }),
  }),
]);

/** Explains statements on a session where the prepared ones have been prepared, as those of the service have. */
class Explainer {
  readonly #client: pg.Client;
  readonly #prepared = new Map<string, string>();
  constructor(client: pg.Client) {
    this.#client = client;
  }

  async explain({ statement, values }: Asked, form: 'JSON' | 'TEXT'): Promise<unknown> {
    const isNamed = typeof statement !== 'string';
    const text = isNamed ? statement.text : statement;
    const literals = values.map((each) => this.#client.escapeLiteral(String(each)));
    const list = literals.length === 0 ? '' : `(${literals.join(', ')})`;
    let name = isNamed ? this.#prepared.get(statement.name) : undefined;
    if (name === undefined) {
      name = `p${this.#prepared.size}`;
      await this.#client.query(`PREPARE ${name} AS ${text}`);
      // PostgreSQL decides after five whether one plan will do for all values.
      if (isNamed) for (let i = 0; i < 6; i++) await this.#client.query(`EXECUTE ${name}${list}`);
      this.#prepared.set(isNamed ? statement.name : name, name);
    }
    const { rows } = await this.#client.query<Record<string, unknown>>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT ${form}) EXECUTE ${name}${list}`);
    if (!isNamed) await this.#client.query(`DEALLOCATE ${name}`);
    return form === 'TEXT' ? rows.map((row) => row['QUERY PLAN']).join('\n') : rows[0]?.['QUERY PLAN'];
  }
}

await withHouse(
  async ({ parts, url }) => {
    const [{ n: size } = { n: 0 }] = await parts.database.query<{ readonly n: number }>('SELECT count(*) AS n FROM fhir.resource');
    const patients = Math.floor(size / PER_PATIENT);
    const client = new pg.Client({ connectionString: url, options: '-c jit=off -c search_path=pg_catalog' });
    await client.connect();
    const explainer = new Explainer(client);
    console.log(`${number(size)} resources; per search, median and p95 of ${searches}; ms as EXPLAIN ANALYZE says on this machine`);
    for (const { what, type, text } of KINDS.filter((each) => each.what.includes(process.argv[5] ?? ''))) {
      const [pages, statements, planning, running]: number[][] = [[], [], [], []];
      for (let i = 0; i < searches; i++) {
        const asked: Asked[] = [];
        const query = parseSearch(type, [...new URLSearchParams(`${text(i, patients)}&_count=20`)]);
        if (!query.ok) throw new Error(query.problems[0]?.code);
        await searchResources(overheard(parts.database, asked), query.value);
        let [touched, planned, ran] = [0, 0, 0];
        for (const each of asked.filter(({ statement }) => statement !== 'BEGIN' && statement !== 'COMMIT')) {
          const [found] = explained.parse(await explainer.explain(each, 'JSON'));
          touched += found.Plan['Shared Hit Blocks'] + found.Plan['Shared Read Blocks'];
          planned += found['Planning Time'];
          ran += found['Execution Time'];
          if (mode === 'plan' && i === Math.min(searches - 1, 7))
            console.log(
              `\n${what}: ${typeof each.statement === 'string' ? 'planned each time' : each.statement.name}\n${await explainer.explain(each, 'TEXT')}\n`,
            );
        }
        pages?.push(touched);
        statements?.push(asked.length);
        planning?.push(planned);
        running?.push(ran);
      }
      const both = (of: readonly number[] = []): string =>
        `${number(quantile(of, 0.5)).padStart(7)} ${number(quantile(of, 0.95)).padStart(7)}`;
      console.log(
        `${what.padEnd(24)} statements ${both(statements)}  pages ${both(pages)}  planning ms ${both(planning)}  running ms ${both(running)}`,
      );
    }
    await client.end();
  },
  { dataDir: folder },
);
