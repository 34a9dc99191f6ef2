/**
 * The closed list of functions. A row says what a function stands after (`on`), what it takes, and what it gives; its JavaScript is a
 * call of the runtime of the same name. Those with `special` are compiled by their own code because they change the scope or type.
 */
export interface FunctionRow {
  readonly on: 'anything' | 'text' | 'many' | 'nothing';
  readonly args: readonly ('text' | 'number' | 'condition' | 'type' | 'value' | 'name')[];
  /** How many of the last arguments may be left out. */
  readonly optional: number;
  readonly gives: 'string' | 'boolean' | 'integer' | 'strings' | 'special';
  readonly signature: string;
  readonly doc: string;
}

const special = (on: FunctionRow['on'], args: FunctionRow['args'], signature: string, doc: string, optional = 0): FunctionRow => ({
  on,
  args,
  optional,
  gives: 'special',
  signature,
  doc,
});
const text = (gives: FunctionRow['gives'], args: FunctionRow['args'], signature: string, doc: string, optional = 0): FunctionRow => ({
  on: 'text',
  args,
  optional,
  gives,
  signature,
  doc,
});

export const FUNCTIONS: Readonly<Record<string, FunctionRow>> = {
  exists: special(
    'anything',
    ['condition'],
    'x.exists() or x.exists(condition)',
    'true when there is a value (for which the condition holds)',
    1,
  ),
  empty: special('anything', [], 'x.empty()', 'true when there is no value'),
  not: special('anything', [], 'x.not()', 'true when the condition x does not hold'),
  count: special('anything', [], 'x.count()', 'the number of values'),
  where: special(
    'anything',
    ['condition'],
    'x.where(condition)',
    'the values for which the condition holds; inside, names (v2: .1) are parts of the value',
  ),
  first: special('anything', [], 'x.first()', 'the first value'),
  last: special('anything', [], 'x.last()', 'the last value'),
  join: { on: 'many', args: ['text'], optional: 1, gives: 'string', signature: "x.join(', ')", doc: 'all texts in one' },
  distinct: { on: 'many', args: [], optional: 0, gives: 'strings', signature: 'x.distinct()', doc: 'each text once' },
  ofType: special('anything', ['type'], 'x.ofType(Quantity)', 'the value of a choice element if it has that type'),
  extension: special('anything', ['text'], "x.extension('url')", 'the extensions of that url'),
  text: special('anything', [], 'PID-5.text()', 'the whole repetition as readable text, separators kept'),
  raw: special('anything', [], 'OBX-5.raw()', 'the whole repetition as it was sent'),
  ref: special('nothing', ['name'], 'ref(patient)', 'a reference to the resource of that name'),
  refs: special(
    'nothing',
    ['name'],
    'refs(observation)',
    'references to all resources of that name made inside this group; of all names: *',
  ),
  iif: special('nothing', ['condition', 'value', 'value'], "iif(condition, 'a', 'b')", 'the second if the first holds, else the third', 1),
  words: special(
    'nothing',
    Array.from({ length: 8 }, () => 'value' as const),
    'words(.6, .3, .2)',
    'the texts that are there, with a space between',
    7,
  ),
  authority: special('nothing', [], 'authority()', 'the name of the authority that ids are made under'),
  localUri: special('nothing', ['text'], 'localUri(.1)', 'urn:polyseme:AUTHORITY:name, for a namespace that only the sender knows'),
  tableUri: special('nothing', [], 'tableUri()', 'in datatype maps: the URI of the HL7 table that the standard binds to the field'),
  upper: text('string', [], 'x.upper()', 'in capitals'),
  lower: text('string', [], 'x.lower()', 'in small letters'),
  trim: text('string', [], 'x.trim()', 'without spaces at both ends'),
  substring: text('string', ['number', 'number'], 'x.substring(start, length)', 'a part; start counts from 0', 1),
  before: text('string', ['text'], "x.before('-')", 'what stands before the first such text; all when it does not occur'),
  after: text('string', ['text'], "x.after('-')", 'what stands after the first such text; nothing when it does not occur'),
  replace: text('string', ['text', 'text'], "x.replace('a', 'b')", 'every such text replaced'),
  startsWith: text('boolean', ['text'], "x.startsWith('a')", 'true when it starts so'),
  endsWith: text('boolean', ['text'], "x.endsWith('a')", 'true when it ends so'),
  contains: text('boolean', ['text'], "x.contains('a')", 'true when it occurs'),
  length: text('integer', [], 'x.length()', 'the number of characters'),
  split: text('strings', ['text'], "x.split(',')", 'the parts between such texts'),
  comparator: text('string', [], 'x.comparator()', 'the <, <=, >= or > that a text begins with; nothing when it begins otherwise'),
  withoutComparator: text('string', [], 'x.withoutComparator()', 'what stands after it; all when there is none'),
  encodeBase64: text('string', [], 'x.encodeBase64()', 'the UTF-8 bytes of the text in Base64, for attachments'),
  plusTime: text(
    'string',
    ['text', 'text'],
    'SCH-11.4.plusTime(SCH-9, SCH-10.1)',
    'an HL7v2 time of day some minutes (h, s, d) later; nothing without minutes in it',
  ),
  rangeLow: text('string', [], 'x.rangeLow()', 'the lower bound that a range text states: 70-99, 70 - 99 mg/dL, >=60'),
  rangeHigh: text('string', [], 'x.rangeHigh()', 'the upper bound: 70-99, <5 mg/dL'),
  rangeUnit: text('string', [], 'x.rangeUnit()', 'the unit that a range text ends with'),
  isNumber: text('boolean', [], 'x.isNumber()', 'true for a decimal number'),
  isOid: text('boolean', [], 'x.isOid()', 'true for an object identifier such as 1.2.840'),
  isUuid: text('boolean', [], 'x.isUuid()', 'true for a UUID'),
  isUri: text('boolean', [], 'x.isUri()', 'true for an absolute URI such as http://… or urn:…'),
};
