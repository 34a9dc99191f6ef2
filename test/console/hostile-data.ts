/** Text that would run, turn lines round or hide, for every store that somebody else can fill; and what it must not become in a page. */
import type { TestHouse } from '../parts.ts';

/** Right-to-left override and isolate, zero width, escape, bell, a tag character. */
const UNSEEN = 'a\u202Eb\u2066c\u200Bd\u001Be\u0007f\u{E0041}g';
/** It would run in an element, an attribute, an address. */
export const evil = (field: string): string => `${field} <img src=x onerror="window.hit='${field}'">"'><svg onload=window.hit=1> ${UNSEEN}`;
export const SYSTEM = `urn:evil:<img/src=x/onerror=window.hit=2>\u202Ex`;
const escaped = (text: string): string => text.replaceAll('&', '\\T\\').replaceAll('^', '\\S\\');
/** Everything that stands in the page, shadow roots and attributes included, but what is written into fields. */
export const SHOWN = `(() => {
  const unseen = /[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]|[\\u{e0000}-\\u{e007f}]/u;
  const found = [];
  const walk = (node) => {
    if (node.nodeType === 3) { if (unseen.test(node.data)) found.push('text ' + JSON.stringify(node.data.slice(0, 80))); return; }
    if (node.nodeType === 1) {
      if (node.localName === 'textarea' || node.localName === 'style') return;
      for (const { name, value } of node.attributes) {
        if (name.startsWith('on')) found.push('handler ' + name);
        if (/^(title|aria-\\w+|alt|placeholder|label)$/.test(name) && unseen.test(value)) found.push(name + ' ' + JSON.stringify(value.slice(0, 80)));
        if (/^(href|src)$/.test(name) && /^\\s*(javascript|data):/i.test(value)) found.push(name + ' ' + value.slice(0, 80));
      }
      if (/^(script|img|iframe|object|embed)$/.test(node.localName) && node.closest('main')) found.push('element ' + node.localName);
      if (node.shadowRoot) for (const each of node.shadowRoot.childNodes) walk(each);
    }
    for (const each of node.childNodes) walk(each);
  };
  walk(document.body);
  return { found, hit: window.hit, title: document.title };
})()`;

/** What stands out of the screen to the right. */
export const WIDEST = `[...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth)
  .slice(0, 4).map((each) => each.localName + '.' + each.className + ' ' + each.outerHTML.slice(0, 100))`;

/** A report with it in every field. */
export function hostileMessage(): string {
  // Control characters are no text of FHIR: with them the message would be parked, and nothing of it seen in the other areas.
  const of = (field: string): string => escaped(printing(field));
  return [
    `MSH|^~\\&|${of('app')}|${of('facility')}|${of('to')}|${of('hub')}|20260301101500||ORU^R01^ORU_R01|${of('control')}|P|2.5.1||||||UNICODE UTF-8`,
    `PID|1||${of('mrn')}^^^${of('authority')}^MR||${of('family')}^${of('given')}||19680117|F|||${of('street')}^^${of('city')}`,
    `OBR|1||${of('order')}|${of('panel')}^${of('panel-display')}^${escaped(SYSTEM)}|||20260301093000|||||||||||||||20260301100000|||F`,
    `OBX|1|NM|${of('code')}^${of('code-display')}^${escaped(SYSTEM)}||5|${of('unit')}|${of('range')}||||F|||20260301093000`,
    `OBX|2|ST|8251-1^${of('note')}^LN||${of('value')}||||||F|||20260301093000`,
    `ZZZ|${escaped(evil('own'))}`,
  ].join('\r');
}

/** FHIR takes no control characters in strings: the rest of it. */
export const printing = (field: string): string => evil(field).replace(/\p{Cc}/gu, '');

export const codeSystem = () => ({
  ...{
    resourceType: 'CodeSystem',
    id: 'evil',
    url: 'http://evil.example/cs',
    title: printing('system-title'),
    status: 'active',
    content: 'complete',
  },
  hierarchyMeaning: 'is-a',
  concept: [
    {
      code: 'evil-parent',
      display: printing('evil parent'),
      concept: [
        {
          ...{ code: 'evil-child', display: printing('evil child'), definition: printing('definition') },
          designation: [{ language: 'de', value: printing('designation') }],
        },
      ],
    },
  ],
});

/** Usagi's file, with it in every column. */
export const usagiFile = (): string => {
  const cell = (field: string): string => `"${evil(field).replaceAll('"', '""')}"`;
  const columns =
    'sourceCode,sourceName,sourceFrequency,mappingStatus,equivalence,statusSetBy,conceptId,conceptName,mappingType,comment,ADD_INFO:system';
  const line = (code: string, concept: string): string =>
    [
      cell(code),
      cell('file-name'),
      '1',
      'APPROVED',
      'EQUAL',
      cell('file-author'),
      concept,
      cell('concept'),
      'MAPS_TO',
      cell('comment'),
      cell('system'),
    ].join(',');
  return `${columns}\n${line('file-code', '3000963')}\n${line('file-wrong', '999999999')}\n`;
};

/** Results of checks, the facts about the CDM and a receiver, as another program or somebody's file could have written them. */
export async function storeElsewhere({ database }: TestHouse, checkId: string): Promise<void> {
  const short = (field: string, length: number): string =>
    `${field} <img src=x onerror="window.hit=9">${String.fromCodePoint(0x202e)}x`.slice(0, length);
  await database.run('DELETE FROM cdm.cdm_source');
  await database.run(
    `INSERT INTO cdm.cdm_source (cdm_source_name, cdm_source_abbreviation, cdm_holder, cdm_etl_reference, source_release_date, cdm_release_date, cdm_version,
       cdm_version_concept_id, vocabulary_version) VALUES ($1, 'x', $2, $3, '2026-01-01', '2026-01-01', '<b>', 756265, $4)`,
    [evil('cdm-name'), evil('cdm-holder'), evil('cdm-etl'), short('v', 20)],
  );
  for (const run of [1, 2]) {
    await database.run(
      `INSERT INTO results.dq_run (started_at, seconds, software, cdm_version, vocabulary_version, passed, failed, not_applicable, errors, failed_fatal)
       VALUES (now(), 1, $1, $2, $3, 1, 1, 1, 1, 1)`,
      [evil('software'), evil('version'), evil('dq-vocabulary')],
    );
    await database.run(
      `INSERT INTO results.dq_result (run_id, check_id, check_name, check_level, severity, cdm_table_name, cdm_field_name, num_violated_rows,
         pct_violated_rows, num_denominator_rows, outcome, note)
       SELECT $1, id, $2, 'FIELD', 'fatal', $3, $4, 1, 50, 2, outcome, $5
       FROM (VALUES ($6, 'error'), ($7, CASE WHEN $1 = 1 THEN 'passed' ELSE 'failed' END)) AS v(id, outcome)`,
      [run, evil('dq-name'), evil('dq-table'), evil('dq-field'), evil('dq-note'), checkId, evil('dq-check')],
    );
  }
  await database.run(`INSERT INTO ops.quality_job (state, actor, total, problem) VALUES ('failed', $1, 3, $2)`, [
    evil('actor'),
    evil('dq-problem'),
  ]);
  await database.run(
    `INSERT INTO outgoing.receiver (name, state, way, type, criteria) VALUES ($1, 'error', 'resource', 'Patient', 'Patient?')`,
    [evil('receiver')],
  );
}
