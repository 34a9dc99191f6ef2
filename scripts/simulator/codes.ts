/** What the simulated hospital measures, finds and gives: only codes that the fixtures and the starter vocabulary have too. */
export interface Analyte {
  /** LOINC. */
  readonly code: string;
  readonly text: string;
  /** UCUM. */
  readonly unit: string;
  /** Reference range, and the digits after the point of a result. */
  readonly low: number;
  readonly high: number;
  readonly digits: number;
}

export interface Panel {
  readonly code: string;
  readonly text: string;
  /** Table 0074. */
  readonly section: string;
  readonly analytes: readonly [Analyte, ...Analyte[]];
}

const analyte = (code: string, text: string, unit: string, low: number, high: number, digits: number): Analyte => ({
  code,
  text,
  unit,
  low,
  high,
  digits,
});

export const PANELS: readonly [Panel, ...Panel[]] = [
  {
    code: '58410-2',
    text: 'CBC panel - Blood by Automated count',
    section: 'HM',
    analytes: [
      analyte('6690-2', 'Leukocytes [#/volume] in Blood by Automated count', '10*3/uL', 4, 11, 1),
      analyte('789-8', 'Erythrocytes [#/volume] in Blood by Automated count', '10*6/uL', 3.8, 5.1, 2),
      analyte('718-7', 'Hemoglobin [Mass/volume] in Blood', 'g/dL', 11.7, 15.5, 1),
      analyte('4544-3', 'Hematocrit [Volume Fraction] of Blood by Automated count', '%', 35, 45, 1),
      analyte('777-3', 'Platelets [#/volume] in Blood by Automated count', '10*3/uL', 140, 400, 0),
    ],
  },
  {
    code: '51990-0',
    text: 'Basic metabolic panel - Blood',
    section: 'CH',
    analytes: [
      analyte('2345-7', 'Glucose [Mass/volume] in Serum or Plasma', 'mg/dL', 70, 99, 0),
      analyte('2160-0', 'Creatinine [Mass/volume] in Serum or Plasma', 'mg/dL', 0.6, 1.3, 2),
      analyte('2951-2', 'Sodium [Moles/volume] in Serum or Plasma', 'mmol/L', 136, 145, 0),
      analyte('2823-3', 'Potassium [Moles/volume] in Serum or Plasma', 'mmol/L', 3.5, 5.1, 1),
      analyte('2075-0', 'Chloride [Moles/volume] in Serum or Plasma', 'mmol/L', 98, 107, 0),
    ],
  },
  {
    code: '2823-3',
    text: 'Potassium [Moles/volume] in Serum or Plasma',
    section: 'CH',
    analytes: [analyte('2823-3', 'Potassium [Moles/volume] in Serum or Plasma', 'mmol/L', 3.5, 5.1, 1)],
  },
  {
    code: '89579-7',
    text: 'Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method',
    section: 'CH',
    analytes: [
      analyte('89579-7', 'Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method', 'ng/mL', 0.01, 0.04, 2),
    ],
  },
];

export const VITAL_SIGNS: readonly Analyte[] = [
  analyte('29463-7', 'Body weight', 'kg', 50, 95, 1),
  analyte('8302-2', 'Body height', 'cm', 150, 195, 0),
  analyte('8480-6', 'Systolic blood pressure', 'mm[Hg]', 90, 130, 0),
  analyte('8462-4', 'Diastolic blood pressure', 'mm[Hg]', 60, 85, 0),
];

/** DG1-3: ICD-10-CM with SNOMED CT beside it. */
export const DIAGNOSES: readonly [string, ...string[]] = [
  'I10^Essential (primary) hypertension^I10C^59621000^Essential hypertension^SCT',
  'E11.9^Type 2 diabetes mellitus without complications^I10C^44054006^Type 2 diabetes mellitus^SCT',
  'K35.80^Unspecified acute appendicitis^I10C^74400008^Appendicitis^SCT',
  'I21.9^Acute myocardial infarction, unspecified^I10C^22298006^Myocardial infarction^SCT',
];

/** RXA-5. */
export const VACCINES: readonly [string, ...string[]] = [
  '140^Influenza, seasonal, injectable, preservative free^CVX',
  '115^Tdap^CVX',
  '133^Pneumococcal conjugate PCV 13^CVX',
];

/** AL1-2 and AL1-3. */
export const ALLERGIES: readonly [string, ...string[]] = [
  'DA^Drug allergy^HL70127|7984^penicillin V^RXNORM',
  'FA^Food allergy^HL70127|762952008^Peanut^SCT',
];

/** Doctors as XCN; the first three components are what orders repeat. */
export const DOCTORS: readonly [string, ...string[]] = [
  '1234567893^Adeyemi^Folake',
  '1548291003^Haddad^Samira',
  '1770394412^Brandt^Annika',
  '1992710024^Petrov^Ivan',
];

export const WARDS: readonly [string, ...string[]] = ['4W', '5E', 'ICU', 'SURG', 'MED2'];
