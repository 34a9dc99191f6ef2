import { describe, expect, it } from 'vitest';
import { type ClosureTable, closure } from '../../terminology/fhir/closure.ts';
import { TerminologyRefusal } from '../../terminology/fhir/issue.ts';
import { Library } from '../../terminology/fhir/library.ts';
import { joined, omopSources } from '../../terminology/sources.ts';
import { OMOP_SYSTEM } from '../../terminology/systems.ts';
import { at, call, codesOf, issuesOf, listAt, parameterOf } from './fhir/call.ts';
import { imageFrom } from './write-release.ts';

const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
const concept = (id: number, name: string, vocabulary: string, conceptClass: string, code: string, standard = 'S', invalid = '') =>
  [id, name, 'Drug', vocabulary, conceptClass, standard, code, '1970-01-01', '2099-12-31', invalid] as const;
const image = imageFrom({
  vocabulary: [
    ['RxNorm', 'RxNorm (NLM)', '', 'RxNorm 20260105', 1],
    ['RxNorm Extension', 'RxNorm Extension', '', 'RxNorm Extension 2026', 2],
    ['ICD10CM', 'ICD-10-CM', '', 'ICD10CM FY2026 code descriptions', 3],
    ['LOINC', 'LOINC', '', '', 4],
    ['UCUM', 'UCUM', '', 'Version 1.8.2', 5],
  ],
  concept: [
    concept(1, 'metformin', 'RxNorm', 'Ingredient', '6809'),
    concept(2, 'metformin 500 MG Oral Tablet', 'RxNorm', 'Clinical Drug', '861007'),
    concept(3, 'metformin 5 MG', 'RxNorm Extension', 'Clinical Drug Comp', 'OMOP1'),
    concept(4, 'Old drug', 'RxNorm', 'Clinical Drug', '99', '', 'D'),
    concept(5, 'Type 2 diabetes mellitus without complications', 'ICD10CM', '5-char billing code', 'E11.9', ''),
    concept(6, 'Hemoglobin', 'LOINC', 'Lab Test', '718-7'),
    concept(7, 'milligram', 'UCUM', 'Unit', 'mg'),
  ],
});
const library = new Library(joined([], omopSources(image)));
const isValid = (url: string, code: string) => parameterOf(call(library, 'CodeSystem/$validate-code', { url, code }).resource, 'result');
const drugs = (...filter: readonly Readonly<Record<string, string>>[]) => ({
  resourceType: 'ValueSet',
  status: 'active',
  compose: { include: [{ system: RXNORM, filter }] },
});

describe('code systems that come with the OMOP vocabularies', () => {
  it('are answered under the URIs that FHIR has for them, with their versions', () => {
    const { resource } = call(library, 'CodeSystem/$lookup', { system: RXNORM, code: '861007' });
    expect([parameterOf(resource, 'display'), parameterOf(resource, 'version')]).toEqual(['metformin 500 MG Oral Tablet', '20260105']);
    const properties = listAt(resource, 'parameter').flatMap((each) =>
      at(each, 'name') === 'property' ? [`${at(each, 'part', 0, 'valueCode')}=${at(each, 'part', 1, 'valueCode')}`] : [],
    );
    expect(properties).toContain('TTY=SCD');
    expect([isValid(RXNORM, '6809'), isValid(RXNORM, '1'), isValid(RXNORM, 'OMOP1')]).toEqual([true, false, false]);
  });

  it('say how a code that was written otherwise is written', () => {
    expect(
      issuesOf(call(library, 'CodeSystem/$validate-code', { url: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'E119' }).resource),
    ).toEqual(['information code-rule CODE_NOT_IN_NORMAL_FORM']);
  });

  it('are selected from by what the tables say, by name, and no further', () => {
    const codes = (...filter: readonly Readonly<Record<string, string>>[]) =>
      codesOf(call(library, 'ValueSet/$expand', { valueSet: drugs(...filter) }).resource);
    expect(codes()).toEqual(['6809', '861007', '99']);
    expect(codes({ property: 'TTY', op: 'in', value: 'IN,PIN' })).toEqual(['6809']);
    expect(codes({ property: 'inactive', op: '=', value: 'true' })).toEqual(['99']);
    expect(codesOf(call(library, 'ValueSet/$expand', { valueSet: drugs(), filter: 'metf 500' }).resource)).toEqual(['861007']);
    const isA = call(library, 'ValueSet/$expand', { valueSet: drugs({ property: 'concept', op: 'is-a', value: '6809' }) });
    expect([isA.status, issuesOf(isA.resource)[0]]).toEqual([400, 'error vs-invalid FILTER_NOT_UNDERSTOOD']);
    const { status } = call(library, 'CodeSystem/$subsumes', { system: RXNORM, codeA: '6809', codeB: '861007' });
    expect(status).toBe(422);
  });

  it('say that they cannot tell what is above what, to $subsumes and $closure alike: never that nothing is', () => {
    const tables = new Map<string, ClosureTable>([['t', { version: 0, concepts: [] }]]);
    const added = (system: string, code: string) => () =>
      closure(
        [
          { name: 'name', value: 't' },
          { name: 'concept', value: { system, code } },
        ],
        {
          library,
          tables,
          most: 10,
          now: () => '2026-06-01T12:00:00Z',
          uuid: () => 'x',
        },
      );
    for (const [system, codeA, codeB] of [
      [OMOP_SYSTEM, '1', '2'],
      [RXNORM, '6809', '861007'],
    ] as const) {
      const { status, resource } = call(library, 'CodeSystem/$subsumes', { system, codeA, codeB });
      expect([status, at(resource, 'issue', 0, 'code')]).toEqual([422, 'not-supported']);
      expect(added(system, codeA)).toThrow(TerminologyRefusal);
    }
    expect(parameterOf(call(library, 'CodeSystem/$subsumes', { system: OMOP_SYSTEM, codeA: '2', codeB: '2' }).resource, 'outcome')).toBe(
      'equivalent',
    );
  });

  it('go by what follows from CONCEPT_ANCESTOR where rows were taken out of it, and count what that is', () => {
    const without = imageFrom({
      vocabulary: [['RxNorm', 'RxNorm', '', 'RxNorm 2026', 1]],
      concept: [1, 2, 3, 4].map((id) => concept(id, `drug ${id}`, 'RxNorm', 'Ingredient', `c${id}`)),
      // 1 above 2 above 3 above 4; of the pairs that follow only 1 above 3 is there.
      concept_ancestor: [
        [1, 2, 1, 1],
        [2, 3, 1, 1],
        [3, 4, 1, 1],
        [1, 3, 2, 2],
      ],
    });
    const told = new Library(joined([], omopSources(without)));
    const outcome = (codeA: string, codeB: string) =>
      parameterOf(call(told, 'CodeSystem/$subsumes', { system: OMOP_SYSTEM, codeA, codeB }).resource, 'outcome');
    expect([outcome('1', '4'), outcome('4', '2'), without.manifest.graph?.ancestorsNotStated]).toEqual(['subsumes', 'subsumed-by', 2]);
    expect(
      listAt(call(told, 'CodeSystem/$lookup', { system: OMOP_SYSTEM, code: '3', property: 'parent' }).resource, 'parameter').at(-1),
    ).toMatchObject({
      part: [{ valueCode: 'parent' }, { valueCode: '2' }, {}],
    });
  });

  it('are translated into each other by what they map to: NDC and ATC to RxNorm, and back', () => {
    const drug = (id: number, vocabulary: string, conceptClass: string, code: string, standard: string) =>
      concept(id, `drug ${id}`, vocabulary, conceptClass, code, standard);
    const mapped = imageFrom({
      vocabulary: ['RxNorm', 'NDC', 'ATC'].map((id, i) => [id, id, '', `${id} 20260105`, i + 1]),
      concept: [
        drug(1, 'RxNorm', 'Ingredient', '6809', 'S'),
        drug(2, 'RxNorm', 'Clinical Drug', '861007', 'S'),
        drug(3, 'NDC', '11-digit NDC', '00093104801', ''),
        drug(4, 'ATC', 'ATC 5th', 'A10BA02', 'C'),
      ],
      concept_relationship: [
        [3, 2, 'Maps to', '1970-01-01', '2099-12-31', ''],
        [4, 1, 'Maps to', '1970-01-01', '2099-12-31', ''],
        [4, 2, 'ATC - RxNorm', '1970-01-01', '2099-12-31', ''],
      ],
    });
    const drugsOf = new Library(joined([], omopSources(mapped)));
    const translated = (asked: Readonly<Record<string, string>>) =>
      listAt(call(drugsOf, 'ConceptMap/$translate', asked).resource, 'parameter').flatMap((each) =>
        at(each, 'name') === 'match' ? [`${at(each, 'part', 0, 'valueCode')} ${at(each, 'part', 1, 'valueCoding', 'code')}`] : [],
      );
    const [NDC, ATC] = ['http://hl7.org/fhir/sid/ndc', 'http://www.whocc.no/atc'];
    expect(translated({ system: NDC, code: '00093104801', targetsystem: RXNORM })).toEqual(['relatedto 861007']);
    expect(translated({ system: ATC, code: 'A10BA02', targetsystem: RXNORM })).toEqual(['relatedto 6809']);
    expect(translated({ system: NDC, code: '00093104801', targetsystem: OMOP_SYSTEM })).toEqual(['relatedto 2']);
    expect(translated({ system: RXNORM, code: '861007', targetsystem: NDC, reverse: 'true' })).toEqual(['relatedto 00093104801']);
    expect(translated({ system: NDC, code: '00093104801', targetsystem: ATC })).toEqual([]);
  });

  it('are not those of a release without versions, nor those that are built in', () => {
    expect(library.codeSystem('http://loinc.org')).toBeUndefined();
    expect(library.codeSystem('http://unitsofmeasure.org')?.grammar).toBe(true);
  });
});
