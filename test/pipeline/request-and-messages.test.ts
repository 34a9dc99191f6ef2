import { describe, expect, it } from 'vitest';
import { receive } from '../../services/pipeline.ts';
import { outgoingHouse } from '../commands/outgoing-house.ts';

const message = (patient: string, hour: number, pid: string): Buffer =>
  Buffer.from(
    [
      `MSH|^~\\&|ADT|REQHOSP|POLYSEME|HUB|2026030${hour}100000+0000||ADT^A08^ADT_A01|${patient}-${hour}|P|2.5.1`,
      `EVN|A08|2026030${hour}100000+0000`,
      `PID|1||${patient}^^^REQHOSP^MR||${pid}`,
    ].join('\r'),
  );
/** Each says something that the others do not, and a name. */
const SAID = ['One^N||19800101', 'Two^N|||F', 'Three^N||||||||5550100'] as const;
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

describe('a FHIR request among messages', () => {
  it('stands for its whole resource: messages before it count by their time, older ones after it change nothing and say so', async () => {
    await using house = await outgoingHouse('');
    for (const [n, order] of ORDERS.entries()) {
      const patient = `R${n}`;
      const [before, ...after] = order;
      await receive(house.parts, message(patient, before + 1, SAID[before]), 'mllp');
      await house.drain();
      const [row] = await house.database.query<{ readonly body: string }>(
        `SELECT body FROM fhir.resource WHERE body LIKE '{"resourceType":"Patient"%' AND body LIKE $1`,
        [`%"${patient}"%`],
      );
      const stored = JSON.parse(row?.body ?? '{}');
      // As a client does that changes one element: it reads, changes and writes back.
      expect((await house.call('PUT', `/Patient/${stored.id}`, { ...stored, maritalStatus: { text: 'by request' } })).status).toBe(200);
      const requested = (await house.call('GET', `/Patient/${stored.id}`)).body;
      for (const each of after) await receive(house.parts, message(patient, each + 1, SAID[each]), 'mllp');
      await house.drain();
      expect((await house.call('GET', `/Patient/${stored.id}`)).body, order.join()).toEqual(requested);
      const said = await house.database.query<{ readonly codes: string }>(
        `SELECT o.problems::text AS codes FROM journal.message m JOIN journal.outcome o ON o.message_id = m.id WHERE m.control_id = ANY ($1::text[])`,
        [`{${after.map((each) => `${patient}-${each + 1}`).join()}}`],
      );
      expect(said.filter(({ codes }) => codes.includes('event-older-than-stored'))).toHaveLength(2);
    }
  });
});
