import type { Knex } from 'knex';

/**
 * Receivers that stand in a file beside those that Subscriptions make, and messages that are built of resources. One receiver of a file may
 * want several kinds of resources, and gets each patient's in one order.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(RECEIVERS);
}

const RECEIVERS = `
ALTER TABLE outgoing.receiver DROP CONSTRAINT receiver_way_check;
ALTER TABLE outgoing.receiver ADD CONSTRAINT receiver_way_check CHECK (way IN ('resource', 'notification', 'hl7v2', 'built', 'socket'));
ALTER TABLE outgoing.receiver ADD COLUMN origin text NOT NULL DEFAULT 'subscription' CHECK (origin IN ('subscription', 'file'));
ALTER TABLE outgoing.receiver ADD COLUMN interests jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN outgoing.receiver.interests IS 'Beside type and criteria: [type, criteria] of everything that a receiver of the file wants.';
`;
