/**
 * How senders write units that have a UCUM code (https://ucum.org/ucum). Case is never changed: only spellings listed here are
 * understood, each with the UCUM it means. OMOP's own spellings (`[U]/L`, `10*-3.eq/L`) need no row: see unit-form.ts.
 */
const WHOLE: Readonly<Record<string, string>> = {
  mmHg: 'mm[Hg]',
  'mm Hg': 'mm[Hg]',
  'mm(hg)': 'mm[Hg]',
  MMHG: 'mm[Hg]',
  cmH2O: 'cm[H2O]',
  bpm: '/min',
  BPM: '/min',
  percent: '%',
  '°C': 'Cel',
  degC: 'Cel',
  'deg C': 'Cel',
  Celsius: 'Cel',
  '°F': '[degF]',
  degF: '[degF]',
  'deg F': '[degF]',
  Fahrenheit: '[degF]',
  '[pH]': 'pH',
  '{pH}': 'pH',
  '{score}': '[score]',
  score: '[score]',
  ratio: '{ratio}',
  titer: '{titer}',
  cc: 'mL',
  lb: '[lb_us]',
  lbs: '[lb_us]',
  '[lb_av]': '[lb_us]',
  inch: '[in_i]',
  inches: '[in_i]',
  'mL/min/{1.73_m2}': 'mL/min/(173.10*-2.m2)',
  'mL/min/{1.73m2}': 'mL/min/(173.10*-2.m2)',
  'mL/min/1.73m2': 'mL/min/(173.10*-2.m2)',
  'mL/min/1.73 m2': 'mL/min/(173.10*-2.m2)',
  'mL/min/1.73_m2': 'mL/min/(173.10*-2.m2)',
  'mL/min/1.73m^2': 'mL/min/(173.10*-2.m2)',
  'mL/min/1.73.m2': 'mL/min/(173.10*-2.m2)',
};

/** One part between slashes. */
const PART: Readonly<Record<string, string>> = {
  beats: '{beats}',
  beat: '{beats}',
  breaths: '{breaths}',
  breath: '{breaths}',
  cells: '{cells}',
  copies: '{copies}',
  minute: 'min',
  minutes: 'min',
  hr: 'h',
  hrs: 'h',
  hour: 'h',
  hours: 'h',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  day: 'd',
  days: 'd',
  week: 'wk',
  weeks: 'wk',
  month: 'mo',
  months: 'mo',
  year: 'a',
  years: 'a',
  yr: 'a',
  yrs: 'a',
  gm: 'g',
  gms: 'g',
  mcg: 'ug',
  mcL: 'uL',
  mcl: 'uL',
  mEq: 'meq',
  uEq: 'ueq',
  mOsm: 'mosm',
  IU: '[iU]',
  mIU: 'm[iU]',
  uIU: 'u[iU]',
  mcIU: 'u[iU]',
  kIU: 'k[iU]',
  unit: 'U',
  units: 'U',
  Units: 'U',
  HPF: '[HPF]',
  hpf: '[HPF]',
  LPF: '[LPF]',
  lpf: '[LPF]',
  mmHg: 'mm[Hg]',
  K: '10*3',
  Thousand: '10*3',
  thousand: '10*3',
  thou: '10*3',
  M: '10*6',
  Million: '10*6',
  million: '10*6',
  mill: '10*6',
  cumm: 'mm3',
  sqm: 'm2',
};

/** x10E3, 10^3, 10**3, 10(3), X10*3: all of them ten to the third. A plain 10e3 too: laboratories do not mean 10000. */
const POWER = /^[xX×]?\s?10(?:[eE]|\*\*?|\^)?\(?(-?\d{1,2})\)?$/;

/**
 * Returns the UCUM that a sender's unit means when it is a known spelling of one, else undefined. `K/uL` and `M/uL` are counts, so the
 * kelvin and the mega of UCUM do not stand alone before a slash; a unit without a slash is only taken as a whole or as a word.
 */
export function ucumOf(unit: string): string | undefined {
  const whole = Object.hasOwn(WHOLE, unit) ? WHOLE[unit] : undefined;
  if (whole !== undefined) return whole;
  const parts = unit.replaceAll(/[µμ]/g, 'u').replaceAll('²', '2').replaceAll('³', '3').split('/');
  const written = parts.map((part, i) => ucumPart(part, parts.length > 1, i)).join('/');
  return written === unit ? undefined : written;
}

const ALONE_IS_SOMETHING_ELSE = new Set([
  'K',
  'M',
  'unit',
  'units',
  'Units',
  'beats',
  'beat',
  'cells',
  'copies',
  'HPF',
  'LPF',
  'hpf',
  'lpf',
]);

function ucumPart(part: string, compound: boolean, position: number): string {
  const power = POWER.exec(part)?.[1];
  if (power !== undefined && part !== `10${power}`) return `10*${power}`;
  const known = Object.hasOwn(PART, part) ? PART[part] : undefined;
  if (known !== undefined && (compound || !ALONE_IS_SOMETHING_ELSE.has(part)) && !((part === 'K' || part === 'M') && position > 0))
    return known;
  return part.replace(/^(c?m)\^([23])$/, '$1$2');
}
