/**
 * How one code may be written in the vocabulary that OMOP ships, when senders write it another way. The first spelling is always the code
 * as it came; nothing is trimmed and no letter changes case. A spelling is only an offer: the vocabulary decides by knowing it or not.
 */
export function spellings(vocabulary_id: string, code: string): readonly string[] {
  const rule = Object.hasOwn(RULES, vocabulary_id) ? RULES[vocabulary_id] : undefined;
  if (rule === undefined) return [code];
  return [...new Set([code, ...rule(code)])];
}

const RULES: Readonly<Record<string, (code: string) => readonly string[]>> = {
  /** The CDC writes 03, many senders 3 or 003 (https://www2.cdc.gov/vaccines/iis/iisstandards/vaccines.asp?rpt=cvx). */
  CVX: (code) => {
    if (!/^\d{1,3}$/.test(code)) return [];
    const bare = code.replace(/^0+(?=\d)/, '');
    return [bare.padStart(2, '0'), bare, bare.padStart(3, '0')];
  },
  ICD10CM: (code) => dotted(code, /^[A-Z]\d[\dA-Z]/),
  ICD10: (code) => dotted(code, /^[A-Z]\d\d/),
  /** Diagnoses have the dot after 3 places, external causes after 4: 25000 -> 250.00, E8495 -> E849.5. */
  ICD9CM: (code) => dotted(code, code.startsWith('E') ? /^E\d{3}/ : /^[V\d]\d\d/),
  ICD9Proc: (code) => dotted(code, /^\d\d/),
  NDC: elevenDigits,
};

function dotted(code: string, category: RegExp): readonly string[] {
  const head = category.exec(code)?.[0];
  if (head === undefined || code.length <= head.length || !/^[\dA-Z]+$/.test(code)) return [];
  return [`${head}.${code.slice(head.length)}`];
}

/** 10-digit NDCs with hyphens become 5-4-2 by a leading zero in the short part (https://www.fda.gov/drugs/drug-approvals-and-databases/ndc-product-file-definitions). */
function elevenDigits(code: string): readonly string[] {
  const parts = /^(\d{4,5})-(\d{3,4})-(\d{1,2})$/.exec(code);
  if (parts === null) return [];
  const [, labeler = '', product = '', pack = ''] = parts;
  const digits = labeler.length + product.length + pack.length;
  return digits < 10 ? [] : [labeler.padStart(5, '0') + product.padStart(4, '0') + pack.padStart(2, '0')];
}
