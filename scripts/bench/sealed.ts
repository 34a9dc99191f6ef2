/** What sealing the journal's contents costs: the same intake and the same taking with and without keys, in turn. */
import { randomBytes } from 'node:crypto';
import { type Database, openDatabase } from '../../services/database/connect.ts';
import { createJournal, type Journal } from '../../services/database/journal/journal.ts';
import { readMasterKeys } from '../../services/database/journal/seal.ts';
import { settle, takeMessages } from '../../services/database/journal/take.ts';
import { withHouse } from './house.ts';
import { type Figure, spreadOf } from './measure.ts';
import { laboratoryReport } from './messages.ts';

const COUNT = 4_000;
const REPEATS = 5;
const PATIENTS = 2_000;

let serial = 0;

/** Stores and takes COUNT messages; returns seconds and microseconds of CPU per message for both. */
async function measured(database: Database, journal: Journal) {
  const entries = Array.from({ length: COUNT }, () => {
    const patient = serial % PATIENTS;
    const content = Buffer.from(laboratoryReport(patient, 12, serial));
    const controlId = `${serial++}`;
    return { source: 'BENCH', channel: 'mllp', content, controlId, messageType: 'ORU^R01', patientKeys: [`${patient}^BENCH`] } as const;
  });
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(entries.map((entry) => journal.append(entry)));
  const stored = (performance.now() - start) / 1000;
  let taken = 0;
  while (taken < COUNT) {
    taken += await database.transaction(async (tx) => {
      const messages = await takeMessages(tx, { limit: 200 });
      await settle(
        tx,
        messages.map(({ id }) => ({ id, status: 'applied', spec: '', problems: [] })),
      );
      return messages.length;
    });
  }
  const used = process.cpuUsage(cpu);
  return { stored: COUNT / stored, both: COUNT / ((performance.now() - start) / 1000), cpuUs: (used.user + used.system) / COUNT };
}

export async function sealedFigures(): Promise<readonly Figure[]> {
  return withHouse(async ({ url }) => {
    const masterKeys = readMasterKeys(`bench:${randomBytes(32).toString('base64')}`);
    const [plain, sealed] = [openDatabase(url), openDatabase(url, { masterKeys })];
    const journals = [createJournal(plain), createJournal(sealed)] as const;
    const results: { readonly plain: Awaited<ReturnType<typeof measured>>; readonly sealed: Awaited<ReturnType<typeof measured>> }[] = [];
    // The first round makes the 2,000 keys and warms up.
    for (let i = 0; i <= REPEATS; i++) {
      const each = { plain: await measured(plain, journals[0]), sealed: await measured(sealed, journals[1]) };
      if (i > 0) results.push(each);
    }
    for (const journal of journals) await journal.close();
    await plain.close();
    await sealed.close();
    const row = 'c sealed journal';
    const note = `CPU per message ${spreadOf(results.map((each) => each.plain.cpuUs)).median.toFixed(0)} µs as received, ${spreadOf(results.map((each) => each.sealed.cpuUs)).median.toFixed(0)} µs sealed`;
    return [
      { row, what: 'stored, as received', value: spreadOf(results.map((each) => each.plain.stored)), unit: 'messages/s' },
      {
        row,
        what: `stored, sealed with a key per patient (${PATIENTS} patients)`,
        value: spreadOf(results.map((each) => each.sealed.stored)),
        unit: 'messages/s',
        note,
      },
      {
        row,
        what: '  time to store, sealed against as received',
        value: spreadOf(results.map((each) => each.plain.stored / each.sealed.stored)),
        unit: 'x',
      },
      {
        row,
        what: '  time to store and take, sealed against as received',
        value: spreadOf(results.map((each) => each.plain.both / each.sealed.both)),
        unit: 'x',
      },
    ];
  });
}
