import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readDelimited } from '../../terminology/delimited.ts';
import type { Vocabulary } from '../../terminology/vocabulary.ts';
import { answerOf, type NaiveRelease } from './naive-vocabulary.ts';
import { loaded } from './write-release.ts';

const folder = join(import.meta.dirname, '../../../shared/corpus/omop/synthea27nj');
const present = existsSync(folder);
if (!present) console.log(`terminology/real-data: skipped, there is no ${folder}`);

async function readRelease(): Promise<NaiveRelease> {
  const concepts: NaiveRelease['concepts'][number][] = [];
  const relationships: NaiveRelease['relationships'][number][] = [];
  for (const name of ['CONCEPT.csv', 'CONCEPT_RELATIONSHIP.csv']) {
    let header = true;
    for await (const { fields } of readDelimited(join(folder, name), { sha256: '', bytes: 0 })) {
      for (const [a = '', b = '', c = '', d = '', , f = '', g = '', , , j = ''] of header ? [] : fields) {
        if (name === 'CONCEPT.csv') {
          const standard = f === 'S' || f === 'C' ? f : '';
          const invalid = j === 'D' || j === 'U' ? j : '';
          concepts.push({ id: Number(a), domain: c, vocabulary: d, standard, code: g, invalid });
        } else if (c === 'Maps to' || c === 'Maps to value') {
          relationships.push({ from: Number(a), to: Number(b), kind: c, invalid: f === '' ? '' : 'D' });
        }
      }
      header = false;
    }
  }
  return { concepts, relationships };
}

describe.skipIf(!present)('Synthea27Nj, 2,294 concepts and 266,588 relationships as OHDSI exports them', () => {
  let vocabulary: Vocabulary;
  let release: NaiveRelease;
  beforeAll(async () => {
    vocabulary = await loaded(folder);
    release = await readRelease();
  });

  it('resolves each of its codes to what its rows say', () => {
    const valid = new Map(
      release.concepts.filter(({ standard, invalid }) => standard === 'S' && invalid === '').map((each) => [each.id, each]),
    );
    const targets = new Map<number, Set<number>>();
    for (const { from, to, kind, invalid } of release.relationships) {
      if (kind === 'Maps to' && invalid === '' && valid.has(to)) targets.set(from, (targets.get(from) ?? new Set()).add(to));
    }
    expect(release.concepts).toHaveLength(2294);
    for (const { id, vocabulary: name, code } of release.concepts) {
      const mapped = [...(targets.get(id) ?? (valid.has(id) ? [id] : []))].sort((a, b) => a - b);
      expect(answerOf(vocabulary.resolve(name, code))).toEqual([id, mapped.map((target) => [target, undefined])]);
    }
  });

  it('answers for every standard unit with itself', () => {
    const units = release.concepts.filter((each) => each.vocabulary === 'UCUM' && each.standard === 'S' && each.invalid === '');
    expect(units.length).toBeGreaterThan(900);
    for (const { id, code } of units) expect([code, vocabulary.unit(code).targets[0]?.concept.concept_id]).toEqual([code, id]);
  });
});
