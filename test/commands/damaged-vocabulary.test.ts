import { appendFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { vocabularyChecks } from '../../services/commands/doctor.ts';
import { LiveTerminology } from '../../services/commands/vocabulary/live-terminology.ts';
import { readConfig } from '../../services/config.ts';
import type { Queryable } from '../../services/database/connect.ts';
import { keyRing } from '../../services/database/journal/seal.ts';

import { loadVocabulary } from '../../terminology/load.ts';
import { loadCodeSystem } from '../../terminology/load-system.ts';
import { temporaryFolder, tiny } from '../terminology/write-release.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/vocabulary');

interface Told {
  readonly lines: string[];
  readonly log: Parameters<typeof LiveTerminology.open>[2];
}
function told(): Told {
  const lines: string[] = [];
  const say = (_values: object | string, text?: string): void => {
    lines.push(text ?? '');
  };
  return { lines, log: { info: say, warn: say } };
}

/** A transaction of a store in which index `active` holds. */
const storeOf = (active: string): Queryable => ({
  ring: keyRing([]),
  query: async <Row extends object>(): Promise<readonly Row[]> => JSON.parse(JSON.stringify([{ active, answers: 0 }])),
  run: async () => 0,
});

async function loadedFolder(): Promise<{ readonly data: string; readonly home: string; readonly omop: string; readonly loinc: string }> {
  const data = temporaryFolder();
  const home = join(data, 'vocabulary');
  const { id } = await loadVocabulary(tiny, home);
  const loinc = await loadCodeSystem([join(fixtures, 'tiny-loinc')], home);
  await loadCodeSystem([join(fixtures, 'tiny-cvx')], home);
  return { data, home, omop: id, loinc: loinc.id };
}
const damage = (...path: readonly string[]) => appendFileSync(join(...path), 'x');
const urls = (live: LiveTerminology) => live.sources().systems.map(({ url }) => url);

describe('a damaged index', () => {
  it('of a code system is off and reported; everything else answers', async () => {
    const { data, home, omop, loinc } = await loadedFolder();
    damage(home, loinc, 'term-text.bin');
    const { lines, log } = told();
    const live = await LiveTerminology.open(home, omop, log);
    expect(urls(live)).not.toContain('http://loinc.org');
    expect(urls(live)).toContain('http://hl7.org/fhir/sid/cvx');
    expect(live.sources().faults).toEqual([
      { code: 'terminology-corrupt-index', at: join(home, loinc, 'term-text.bin'), text: expect.stringContaining('bytes instead of') },
    ]);
    expect(lines.join()).toContain('a code system is off');
    const config = readConfig({ POLYSEME_DATA_DIR: data });
    if (!config.ok) throw new Error('the settings are wrong');
    expect(vocabularyChecks(config.value)).toMatchObject([{ ok: false, detail: expect.stringContaining('term-text.bin') }]);
    await loadCodeSystem([join(fixtures, 'tiny-loinc')], home);
    await live.refresh();
    expect([urls(live).includes('http://loinc.org'), live.sources().faults]).toEqual([true, []]);
    expect(vocabularyChecks(config.value)).toMatchObject([{ ok: true }]);
  });

  it('that was to follow another leaves that one active', async () => {
    const { home, omop, loinc } = await loadedFolder();
    const live = await LiveTerminology.open(home, omop, told().log);
    const before = live.sources().systems.find(({ url }) => url === 'http://loinc.org');
    cpSync(join(home, loinc), join(home, 'loinc-next'), { recursive: true });
    damage(home, 'loinc-next', 'code-table.bin');
    const list = join(home, 'systems.json');
    writeFileSync(list, readFileSync(list, 'utf8').replace(loinc, 'loinc-next'));
    await live.refresh();
    expect(live.sources().systems.find(({ url }) => url === 'http://loinc.org')).toBe(before);
    expect(live.sources().faults).toHaveLength(1);
  });

  it('list leaves the OMOP vocabularies and what is built in', async () => {
    const { home, omop } = await loadedFolder();
    writeFileSync(join(home, 'systems.json'), '{"active": [');
    const live = await LiveTerminology.open(home, omop, told().log);
    expect(urls(live)).toContain('http://unitsofmeasure.org');
    expect(live.sources().faults).toMatchObject([{ code: 'terminology-corrupt-index' }]);
  });

  it('of the OMOP vocabularies makes no rows until it is loaded again', async () => {
    const { home, omop } = await loadedFolder();
    damage(home, omop, 'target-concept.bin');
    const { lines, log } = told();
    const live = await LiveTerminology.open(home, omop, log);
    expect(lines.join()).toContain('what is received waits');
    expect(urls(live)).toContain('http://loinc.org');
    await expect(live.hold(storeOf(omop))).rejects.toMatchObject({ problems: [{ code: 'terminology-corrupt-index' }] });
    await loadVocabulary(tiny, home);
    await live.hold(storeOf(omop));
    expect([live.damage, live.current.release !== '', live.sources().faults]).toEqual([undefined, true, []]);
  });

  it('of the release before is told where rows are to be compared with it', async () => {
    const { home, omop } = await loadedFolder();
    cpSync(join(home, omop), join(home, 'omop-before'), { recursive: true });
    damage(home, 'omop-before', 'name-text.bin');
    const { lines, log } = told();
    const live = await LiveTerminology.open(home, omop, log);
    expect(await live.opened('omop-before')).toBeUndefined();
    expect(lines.join()).toContain('all rows are made again');
    rmSync(join(home, 'omop-before'), { recursive: true });
    expect(await live.opened('omop-before')).toBeUndefined();
    expect(lines).toHaveLength(1);
  });
});
