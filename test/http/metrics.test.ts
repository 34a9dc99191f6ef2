import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { SourcePulse } from '../../services/database/journal/pulse.ts';
import { problem, Refusal } from '../../services/errors.ts';
import { bounded } from '../../services/http/metrics/metrics.ts';
import { startHttp } from '../../services/http/server.ts';
import { receive } from '../../services/pipeline.ts';
import { laboratoryMessage } from '../end-to-end/messages.ts';
import { testHouse } from '../parts.ts';
import { type TestDoor, testDoor } from './door.ts';

const scraped = async ({ door }: Pick<TestDoor, 'door'>): Promise<string> => {
  const answer = await fetch(`${door.url}/metrics`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  return answer.text();
};

/** The value of one series, NaN when it is not there. */
function valueIn(text: string, series: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? Number.NaN);
}

describe('/metrics', () => {
  it('tells per source what was received and what became of it', async () => {
    await using test = await testDoor();
    for (let n = 1; n <= 4; n++) await receive(test.parts, laboratoryMessage('m', n), 'mllp');
    await receive(test.parts, laboratoryMessage('m', 4), 'mllp');
    const odd = 'MSH|^~\\&|ODD|NORTHSIDE|||20260301||ZZZ^Z99|Z1|P|2.5.1\rPID|1||77001122^^^NORTHSIDE^MR||Secretname^Anna\r';
    await receive(test.parts, Buffer.from(odd), 'mllp');
    await test.drain();
    await receive(test.parts, laboratoryMessage('m', 5), 'mllp');
    const text = await scraped(test);
    const laboratory = (status: string) => valueIn(text, `polyseme_messages{source="NORTHSIDE/LAB",status="${status}"}`);
    expect(valueIn(text, 'polyseme_messages_received_total{source="NORTHSIDE/LAB"}')).toBe(6);
    expect(valueIn(text, 'polyseme_messages_duplicate_total{source="NORTHSIDE/LAB"}')).toBe(1);
    expect(['applied', 'parked', 'refused', 'waiting'].map(laboratory)).toEqual([4, 0, 0, 1]);
    expect(valueIn(text, 'polyseme_messages{source="NORTHSIDE/ODD",status="parked"}')).toBe(1);
    expect(valueIn(text, 'polyseme_oldest_waiting_seconds{source="NORTHSIDE/ODD"}')).toBe(0);
    const last = valueIn(text, 'polyseme_last_received_timestamp_seconds{source="NORTHSIDE/LAB"}');
    expect(Math.abs(last - Date.now() / 1000)).toBeLessThan(600);
    expect(valueIn(text, 'polyseme_database_up')).toBe(1);
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  });

  it('measures requests by route pattern; no address and no patient data', async () => {
    await using test = await testDoor();
    await test.call('GET', '/Patient/secret-id-4711');
    await test.call('GET', '/Patient?name=Secretname');
    await fetch(`${test.door.url}/nowhere/secret-id-4711`);
    await receive(test.parts, laboratoryMessage('secret-patient', 1), 'mllp');
    await test.drain();
    const text = await scraped(test);
    expect(text).toMatch(/polyseme_http_request_duration_seconds_count\{method="GET",route="\/fhir\/R4\/:\w+\/:\w+",status="404"\} 1/);
    expect(text).toMatch(/polyseme_http_request_duration_seconds_count\{method="GET",route="-",status="404"\} 1/);
    expect(text).not.toMatch(/secret|Testperson/i);
  });

  it('answers while the database is away, and says so', async () => {
    await using house = await testHouse();
    const snapshot = () => Promise.reject(new Refusal([problem('database-unreachable')]));
    const parts = { ...house.parts, database: { ...house.database, snapshot } };
    const limits = { maxBodyBytes: 1_000, maxMessageBytes: 1_000 };
    const settings = { host: '127.0.0.1', port: 0, tls: undefined, verifyToken: undefined, version: 'test', ...limits };
    const door = await startHttp(settings, parts, pino({ level: 'silent' }));
    const text = await scraped({ door });
    await door.close();
    expect(valueIn(text, 'polyseme_database_up')).toBe(0);
    expect(text).not.toMatch(/polyseme_messages\{/);
    expect(text).toMatch(/^process_cpu_seconds_total /m);
  });

  it('tells of the doors: what waits against its limit, connections, problems by code, silent sources whose habit is known', async () => {
    await using house = await testHouse();
    const silence = { source: 'LAB', seconds: 7200, chance: 0.0004, learnedDays: 20, isSilent: true };
    const gauges = {
      waiting: 12,
      mostWaiting: 10,
      isOver: true,
      mllpConnections: 3,
      problems: new Map([['mllp-frame-timeout', 2]]),
      isFileStale: true,
      silences: [silence, { ...silence, source: 'NEW', learnedDays: 2, isSilent: false }],
    };
    const limits = { maxBodyBytes: 1_000, maxMessageBytes: 1_000 };
    const settings = {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      verifyToken: undefined,
      version: 'test',
      ...limits,
      gauges: () => gauges,
    };
    const door = await startHttp(settings, house.parts, pino({ level: 'silent' }));
    const text = await scraped({ door });
    await door.close();
    const shown = ['backlog_waiting', 'backlog_limit', 'backlog_over', 'mllp_connections', 'sources_file_stale'].map((each) =>
      valueIn(text, `polyseme_${each}`),
    );
    expect(shown).toEqual([12, 10, 1, 3, 1]);
    expect(valueIn(text, 'polyseme_mllp_problems_total{code="mllp-frame-timeout"}')).toBe(2);
    expect(valueIn(text, 'polyseme_source_silent{source="LAB"}')).toBe(1);
    expect(valueIn(text, 'polyseme_source_silence_chance{source="LAB"}')).toBe(0.0004);
    expect(text).not.toContain('source_silent{source="NEW"}');
  });

  it('is closed to whoever has no token, as everything else', async () => {
    await using test = await testDoor(async () => false);
    expect((await fetch(`${test.door.url}/metrics`)).status).toBe(401);
  });

  it('stays small however many names senders give themselves', () => {
    const pulse = (source: string, received: number): SourcePulse => ({
      source,
      received,
      applied: received - 1,
      parked: 1,
      refused: 0,
      duplicate: 0,
      waiting: 0,
      oldestWaiting: undefined,
      lastReceived: `2026-01-01T00:00:00.${String(received).padStart(3, '0')}Z`,
    });
    const all = Array.from({ length: 900 }, (_, index) => pulse(`S${index}`, index + 2));
    const shown = bounded([...all, pulse('x'.repeat(500), 5000)]);
    expect(shown).toHaveLength(201);
    expect(shown.every(({ source }) => source.length <= 100)).toBe(true);
    const sum = (pulses: readonly SourcePulse[]) => pulses.reduce((total, each) => total + each.received, 0);
    expect(sum(shown)).toBe(sum(all) + 5000);
    expect(shown.find(({ source }) => source === '(others)')?.parked).toBe(701);
  });
});
