/** Components of mapped fields that no rule asks for, and why: what is not listed here is a loss that nobody decided. */

interface LeftPart {
  /** Of 'PID-3.2 CX.2': where it stands, and the datatype with the number of the component. */
  readonly part: RegExp;
  readonly because: string;
}

const LEFT: readonly LeftPart[] = [
  { part: /^MSH-/, because: 'who sends, by name or by id, and how the message is processed: of the message, not of the patient' },
  { part: / (EI\.[46]|HD\.[23])$/, because: 'the id itself says whether it is an OID, a UUID or a URI' },
  { part: / EI\.2$/, because: 'the local name beside the universal id of who assigned it' },
  { part: / CX\.([236]|9|10)$/, because: 'check digits, their scheme, and where a number was assigned beside who assigned it' },
  { part: /^MRG-5\./, because: 'the former stay is found by its number' },
  { part: / XCN\.(7|8|1[0-24-68]|19|2\d)$/, because: 'degrees, how the name is written, who checked it, when the number began' },
  { part: /^RXO-14\./, because: 'who ordered stands in ORC-12' },
  { part: /^(PID-6|MRG-7|IAM-14|IN1-16)\.\d+ XPN\./, because: 'of the mother, a former record or a relative one name is needed' },
  { part: / XPN\.8$/, because: 'how the name is written' },
  { part: /^PID-9\.15 /, because: 'an alias is what somebody is called by' },
  { part: / XON\.([2-9]|1[01])$/, because: "the kind of an organization's number, its check digit, how the name is written" },
  { part: /^GT1-21\./, because: 'the employer, whose name GT1-16 or GT1-51 says' },
  { part: / LA2\./, because: 'the address of a place of vaccination belongs to a directory' },
  { part: /^PDA-8\.1 /, because: 'who performed an autopsy stands in its component in words: the name says who' },
  { part: /^PRT-[458]\./, because: 'participations of kinds that no rule takes are told as such (participation-of-another-kind)' },
  { part: /^TQ1-4\./, because: 'the hours of one of several patterns, which are told (several-timings)' },
  { part: / (TQ|RPT)\./, because: 'quantity, duration and conditions of TQ: told where TQ1 has them (LEDGER.md)' },
  { part: / SPS\./, because: 'the specimen as OBR-15 had it before SPM: its additive, words and role' },
  {
    part: / (CWE|CNE)\.([3-9]|1\d)$/,
    because: "fields whose table is the map's own: the code says it, further codings and versions do not count",
  },
  { part: / CNE\.[12]$/, because: 'a unit or an action whose code or words were said by the other part' },
  {
    part: /^(PID-(8|10|15|16|22)|AL1-[24]|PRB-14|IAM-(2|4|9|17)|IAR-[23]|OBX-8|OBR-39|PV1-\d+|NK1-15|TQ1-9|RX\w-\d+|AI\w-\d+|SCH-\d+|IN1-\d+|FT1-\d+)\.[12] CWE\.[12]$/,
    because: 'the words beside a code of a table, or the code beside the words: the other part says it',
  },
  { part: / (ST|NM|ID|IS|DT|DTM|SI)\.([2-9]|1\d)$/, because: 'a field of one value that was sent with separators' },
  { part: /^(SCH-11|AIS-4|AIS-7|PR1-2)\.1 /, because: 'SCH-11, PR1-3 or the appointment said it before' },
  {
    part: / XAD\.1\d$| XTN\.[6-9]$/,
    because: 'census tracts, how an address is written; parts of a number that stands whole in another part',
  },
  { part: / PL\.([5-9]|10)$| NDL\./, because: 'the status and the description of a place; where and when a person worked' },
  { part: / PPN\.| EIP\.| CP\./, because: "who wrote it and when is the document's; group numbers of the filler; the kind of an amount" },
];

/** Returns why a component is left out; undefined when nobody decided it. `path`: 'PID-3.2', `type`: 'CX'. */
export const leftBecause = (path: string, type: string): string | undefined =>
  LEFT.find(({ part }) => part.test(`${path} ${type}.${path.slice(path.lastIndexOf('.') + 1)}`))?.because;
