/** Invented messages that differ in patient, control id and visit: what a feed looks like to the tests. */
const encoder = new TextEncoder();

/** An ORU^R01 of patient `n` with one haemoglobin; its control id is `run`-`n`. */
export function laboratoryMessage(run: string, n: number): Uint8Array {
  const patient = `${run}-${n}`;
  return encoder.encode(
    [
      `MSH|^~\\&|LAB|NORTHSIDE|POLYSEME|HUB|20260301120000+0000||ORU^R01^ORU_R01|${run}-${n}|P|2.5.1|||||USA|UNICODE UTF-8`,
      `PID|1||${patient}^^^NORTHSIDE^MR||Testperson^Number${n}||19800101|F`,
      `ORC|RE|O${patient}^LAB|F${patient}^LAB`,
      `OBR|1|O${patient}^LAB|F${patient}^LAB|58410-2^CBC panel - Blood by Automated count^LN|||20260301110000+0000|||||||||||||||20260301115500+0000||HM|F`,
      'OBX|1|NM|718-7^Hemoglobin [Mass/volume] in Blood^LN||13.2|g/dL^gram per deciliter^UCUM|12.0-16.0|N|||F|||20260301110000+0000',
      '',
    ].join('\r'),
  );
}
