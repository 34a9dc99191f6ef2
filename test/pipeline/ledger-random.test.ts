/**
 * Messages and requests in random sequences over a few patients: results, stays, merges and their end, by both doors. Done again from the journal
 * everything is the same, and each message ends as applied, parked or refused. POLYSEME_TEST_LEDGER_RUNS=50 tries that many.
 */
import { afterEach, expect, it } from 'vitest';
import { chanceOf } from '../../scripts/simulator/chance.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { deriveStale } from '../../services/database/derived/derived.ts';
import { counts } from '../../services/database/journal/take.ts';
import { Refusal } from '../../services/errors.ts';
import { mergeRequested } from '../../services/pipeline/fhir/merge.ts';
import { writeRequest } from '../../services/pipeline/fhir/write.ts';
import { rebuildCompared } from '../../services/pipeline/rebuild.ts';
import type { Parts } from '../../services/pipeline.ts';
import { processNext, receive } from '../../services/pipeline.ts';
import { freshDatabase } from '../fresh-database.ts';
import { type TestHouse, testHouse } from '../parts.ts';

const RUNS = Number(process.env['POLYSEME_TEST_LEDGER_RUNS'] ?? 2);
const FIRST = Number(process.env['POLYSEME_TEST_LEDGER_FIRST'] ?? 1);
const STEPS = Number(process.env['POLYSEME_TEST_LEDGER_STEPS'] ?? 30);
const HOUR_MS = 3_600_000;
const derive = { pullDate: '2026-06-01' };

let house: TestHouse | undefined;
afterEach(async () => {
  await house?.[Symbol.asyncDispose]();
  house = undefined;
});

interface StoredRow {
  readonly id: string;
  readonly type: string;
  readonly body: string;
}

class Ledger {
  readonly said: string[] = [];
  readonly #house: TestHouse;
  readonly #parts: Parts;
  readonly #chance: ReturnType<typeof chanceOf>;
  #control = 0;

  constructor(own: TestHouse, seed: number) {
    this.#house = own;
    this.#parts = { ...own.parts, clock: () => new Date() };
    this.#chance = chanceOf(seed);
  }

  get parts(): Parts {
    return this.#parts;
  }

  async drain(): Promise<void> {
    while ((await processNext(this.#parts, 50)) > 0);
  }

  #below(n: number): number {
    return this.#chance.below(n);
  }

  #one<T>(all: readonly T[]): T | undefined {
    return all[this.#below(all.length)];
  }

  #time(): string {
    // Of the past weeks, and a little ahead of the clock here.
    const hours = this.#below(10) === 0 ? this.#below(5) : -this.#below(400);
    return `${new Date(Date.now() + hours * HOUR_MS)
      .toISOString()
      .replace(/[-:TZ]/g, '')
      .slice(0, 14)}+0000`;
  }

  async step(): Promise<void> {
    const kinds = [
      this.#demographics,
      this.#stay,
      this.#result,
      this.#result,
      this.#merge,
      this.#unlink,
      this.#put,
      this.#put,
      this.#patch,
      this.#remove,
      this.#mergeAsked,
    ];
    const kind = kinds[this.#below(kinds.length)];
    await kind?.call(this);
  }

  async #tell(what: string, lines: readonly string[]): Promise<void> {
    this.said.push(what);
    await receive(this.#parts, Buffer.from(lines.join('\r')), 'mllp');
    if (this.#below(3) > 0) await this.drain();
  }

  #header(event: string, at: string): string {
    return `MSH|^~\\&|ADT|LEDGER|P|H|${at}||${event}|L${++this.#control}|P|2.5.1|||||USA|UNICODE UTF-8`;
  }

  #pid(n: number): string {
    const more = this.#one([`N${n}^A||19${70 + n}0101`, `N${n}^B|||F`, `N${n}^C||||||1 Road^^Town`, `N${n}^D||||||||555010${n}`]);
    return `PID|1||M${n}^^^LEDGER^MR||${more}`;
  }

  async #demographics(): Promise<void> {
    const [at, n] = [this.#time(), this.#below(4)];
    await this.#tell(`A08 M${n} ${at}`, [this.#header('ADT^A08^ADT_A01', at), `EVN|A08|${at}`, this.#pid(n)]);
  }

  async #stay(): Promise<void> {
    const [at, n, visit] = [this.#time(), this.#below(4), this.#below(2)];
    const event = this.#one(['A01', 'A08', 'A03', 'A11']) ?? 'A01';
    const pv1 = [
      'PV1',
      '1',
      this.#one(['I', 'E']),
      'W1^1^1',
      ...Array(15).fill(''),
      `V${n}${visit}`,
      ...Array(24).fill(''),
      '202603010900',
      event === 'A03' ? '202603050900' : '',
    ].join('|');
    await this.#tell(`${event} M${n} V${n}${visit} ${at}`, [
      this.#header(`ADT^${event}^ADT_${event === 'A03' ? 'A03' : event === 'A11' ? 'A09' : 'A01'}`, at),
      `EVN|${event}|${at}`,
      this.#pid(n),
      pv1,
    ]);
  }

  async #result(): Promise<void> {
    const [at, n, filler] = [this.#time(), this.#below(4), this.#below(2)];
    const status = this.#one(['P', 'F', 'F', 'C', 'W']);
    await this.#tell(`ORU M${n} F${n}${filler} ${status} ${at}`, [
      this.#header('ORU^R01^ORU_R01', at),
      this.#pid(n),
      `OBR|1||F${n}${filler}|24323-8^CMP^LN|||202603020800`,
      `OBX|1|NM|2345-7^Glucose^LN||${80 + this.#below(50)}|mg/dL|||||${status}|||202603020800`,
    ]);
  }

  async #merge(): Promise<void> {
    const [at, a, b] = [this.#time(), this.#below(4), this.#below(4)];
    if (a === b) return;
    await this.#tell(`A40 M${b} into M${a} ${at}`, [
      this.#header('ADT^A40^ADT_A39', at),
      `EVN|A40|${at}`,
      this.#pid(a),
      `MRG|M${b}^^^LEDGER^MR`,
    ]);
  }

  async #unlink(): Promise<void> {
    const [at, a, b] = [this.#time(), this.#below(4), this.#below(4)];
    if (a === b) return;
    await this.#tell(`A37 M${a} M${b} ${at}`, [this.#header('ADT^A37^ADT_A37', at), `EVN|A37|${at}`, this.#pid(a), this.#pid(b)]);
  }

  async #stored(): Promise<readonly StoredRow[]> {
    await this.drain();
    const rows = await this.#house.database.query<{ id: string; body: string }>(
      `SELECT id, body FROM fhir.resource WHERE NOT deleted AND body ~ '^."resourceType":"(Patient|Observation|Encounter)"' ORDER BY resource_key`,
    );
    return rows.map(({ id, body }) => ({ id, body, type: String(JSON.parse(body).resourceType) }));
  }

  async #request(what: string, method: 'PUT' | 'DELETE', rows: readonly StoredRow[], resource?: Record<string, unknown>): Promise<void> {
    this.said.push(`${what} ${rows.map(({ type, id }) => `${type}/${id}`).join()}`);
    const alone = { search: undefined, condition: undefined, ifMatch: undefined, fullUrl: undefined, problems: [] } as const;
    const bytes = Buffer.from(JSON.stringify({ what, resource }));
    const entry = { source: 'fhir', channel: 'fhir', content: bytes, controlId: undefined, messageType: method, patientKeys: [] } as const;
    const entries = rows.map(({ type, id }, index) => {
      const own = resource && { ...JSON.parse(JSON.stringify(resource)), resourceType: type, id };
      return { ...alone, index, method, type, id, resource: own };
    });
    await this.#tolerant(() =>
      writeRequest(this.#parts, { entry, asked: { kind: 'transaction', entries, questions: [] }, base: 'urn:test' }),
    );
  }

  /** What is refused changes nothing. */
  async #tolerant(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Refusal) || error.problems.some(({ code }) => code === 'internal')) throw error;
      this.said.push(`  refused: ${error.problems.map(({ code }) => code).join()}`);
    }
  }

  async #put(): Promise<void> {
    const row = this.#one(await this.#stored());
    if (row === undefined) return;
    const { meta: _meta, link, ...content } = JSON.parse(row.body);
    const isUnlinked = this.#below(4) === 0;
    const change =
      row.type === 'Patient'
        ? { maritalStatus: { text: `m${this.#below(3)}` }, ...(isUnlinked || link === undefined ? {} : { link }) }
        : row.type === 'Encounter'
          ? { status: this.#one(['finished', 'in-progress', 'entered-in-error']) }
          : { status: this.#one(['final', 'preliminary', 'entered-in-error']), note: [{ text: `n${this.#below(3)}` }] };
    await this.#request(isUnlinked ? 'PUT without links' : 'PUT', 'PUT', [row], { ...content, ...change });
  }

  async #patch(): Promise<void> {
    const row = this.#one((await this.#stored()).filter(({ type }) => type !== 'Encounter'));
    if (row === undefined) return;
    const { meta: _meta, ...content } = JSON.parse(row.body);
    await this.#request('PUT of the same', 'PUT', [row], content);
  }

  async #remove(): Promise<void> {
    const row = this.#one(await this.#stored());
    if (row === undefined) return;
    const referring = await this.#house.database.query<{ id: string; body: string }>(
      `SELECT id, body FROM fhir.resource WHERE NOT deleted AND body LIKE $1 AND body ~ '^."resourceType":"(Provenance|DiagnosticReport)"'`,
      [`%${row.type}/${row.id}"%`],
    );
    const others = referring.map(({ id, body }) => ({ id, body, type: String(JSON.parse(body).resourceType) }));
    await this.#request('DELETE', 'DELETE', [
      row,
      ...(row.type === 'Observation' || row.type === 'Encounter' || this.#below(2) > 0 ? others : []),
    ]);
  }

  async #mergeAsked(): Promise<void> {
    const patients = (await this.#stored()).filter(({ type }) => type === 'Patient');
    const [a, b] = [this.#one(patients), this.#one(patients)];
    if (a === undefined || b === undefined || a.id === b.id) return;
    this.said.push(`$merge ${b.id} into ${a.id}`);
    await this.#tolerant(() => mergeRequested(this.#parts, Buffer.from('{}'), { survivor: a.id, loser: b.id, isPreview: false }));
  }
}

it.each(Array.from({ length: RUNS }, (_, i) => FIRST + i))('is the same when done again from the journal: sequence %i', async (seed) => {
  house = await testHouse();
  const ledger = new Ledger(house, seed);
  for (let i = 0; i < STEPS; i++) await ledger.step();
  await ledger.drain();
  await deriveStale(house.database, derive);
  for (const each of await counts(house.database))
    expect(each.received).toBe(each.applied + each.parked + each.refused + each.duplicate + each.waiting);
  const failed = await house.database.query(
    `SELECT problems FROM journal.outcome WHERE problems @> '[{"code":"internal"}]' OR problems @> '[{"code":"database-failed"}]'`,
  );
  const fresh = await freshDatabase();
  const scratch = openDatabase(fresh.url);
  try {
    const { way, resources, rows } = await rebuildCompared(ledger.parts, scratch, { derive, listed: 3 });
    expect({ failed, way, resources, rows }, ledger.said.join('\n')).toEqual({ failed: [], way: 'journal', resources: [], rows: [] });
  } finally {
    await scratch.close();
    await fresh.drop();
  }
});
