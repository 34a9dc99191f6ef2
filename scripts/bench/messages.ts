/** Messages that the benchmark sends: one hospital's admissions and laboratory reports, of as many patients as asked. Made up. */

/** Real LOINC codes of the starter vocabulary, so that results become rows of measurement. */
const TESTS = [
  ['2345-7', 'Glucose', 'mg/dL', '70-99'],
  ['2160-0', 'Creatinine', 'mg/dL', '0.60-1.30'],
  ['2951-2', 'Sodium', 'mmol/L', '136-145'],
  ['2823-3', 'Potassium', 'mmol/L', '3.5-5.1'],
  ['2075-0', 'Chloride', 'mmol/L', '98-107'],
  ['718-7', 'Hemoglobin', 'g/dL', '12.0-16.0'],
  ['4544-3', 'Hematocrit', '%', '36-48'],
  ['6690-2', 'Leukocytes', '10*3/uL', '4.0-11.0'],
  ['789-8', 'Erythrocytes', '10*6/uL', '4.10-5.40'],
  ['777-3', 'Platelets', '10*3/uL', '150-400'],
  ['787-2', 'MCV', 'fL', '80-100'],
  ['2276-4', 'Ferritin', 'ng/mL', '15-150'],
] as const;

const FAMILIES = ['Doe', 'Sato', 'Haddad', 'Petrov', 'Baker', 'Silva', 'Nguyen'];
const header = (type: string, number: number, prefix: string): string =>
  `MSH|^~\\&|${prefix}|CITYHOSP|POLYSEME|POLYSEME|20260302091500+0000||${type}|${prefix}${number}|P|2.5.1\r`;

function person(patient: number): string {
  const day = String((patient % 28) + 1).padStart(2, '0');
  const family = FAMILIES[patient % FAMILIES.length];
  return `PID|1||P${patient}^^^CITYHOSP^MR||${family}^Jane^Q||19${40 + (patient % 60)}02${day}|F|||${patient % 900} Main St^^Springfield^IL^62701^USA||^PRN^PH^^1^217^5550123\r`;
}

const stay = (patient: number): string =>
  `PV1|1|I|W4^12^A^CITYHOSP||||1234^Haddad^Samira||||||||||||V${patient}^^^CITYHOSP^VN${'|'.repeat(25)}20260301070000+0000\r`;

/** Returns ORU^R01 with `count` OBX: 12 of them are 1.5 KB. Beyond 12 the tests repeat under other sub-ids. */
export function laboratoryReport(patient: number, count: number, number = patient): string {
  let results = '';
  for (let i = 0; i < count; i++) {
    const [code, name, unit, range] = TESTS[i % TESTS.length] ?? TESTS[0];
    const value = (((patient * 31 + i * 17) % 900) / 10 + 1).toFixed(1);
    const sub = i < TESTS.length ? '' : String(Math.floor(i / TESTS.length));
    results += `OBX|${i + 1}|NM|${code}^${name}^LN|${sub}|${value}|${unit}^^UCUM|${range}|N|||F|||20260301081500+0000\r`;
  }
  return `${header('ORU^R01^ORU_R01', number, 'LAB')}${person(patient)}${stay(patient)}ORC|RE|O${number}^EHR|F${number}^LAB\rOBR|1|O${number}^EHR|F${number}^LAB|24323-8^Comprehensive panel^LN|||20260301081500+0000|||||||||||||||20260302090000+0000||LAB|F\r${results}`;
}

/** Returns ADT^A08 of a patient of `admission`, of a later day and with another address: of four resources one changes. */
export const moved = (patient: number, round: number): string =>
  admission(patient, (round + 1) * 1_000_000 + patient)
    .replace('ADT^A01^ADT_A01', 'ADT^A08^ADT_A01')
    .replace('EVN||20260301070000', `EVN||202603${String((round % 20) + 2).padStart(2, '0')}080000`)
    .replace(/\|\d+ Main St/, `|${round} Oak St`);

/** Returns ADT^A01 with two diagnoses: four resources. */
export const admission = (patient: number, number = patient): string =>
  `${header('ADT^A01^ADT_A01', number, 'REG')}EVN||20260301070000+0000\r${person(patient)}${stay(patient)}DG1|1||R10.31^Right lower quadrant pain^I10C||20260301072500+0000|A\rDG1|2||K35.80^Unspecified acute appendicitis^I10C||20260301081500+0000|W\r`;
