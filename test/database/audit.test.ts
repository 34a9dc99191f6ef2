import { expect, it } from 'vitest';
import { audit, auditChain, auditRecords } from '../../services/database/audit.ts';
import { openDatabase } from '../../services/database/connect.ts';
import { freshDatabase } from '../fresh-database.ts';

it('only grows, entry upon entry, whoever writes at once; a change of any is found', async () => {
  const fresh = await freshDatabase();
  const database = openDatabase(fresh.url);
  try {
    expect(await auditChain(database)).toEqual({ entries: 0, brokenAt: undefined });
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        database.transaction((tx) => audit(tx, { actor: `a${i % 3}`, action: 'spec.draft', target: `draft/${i}`, detail: { i } })),
      ),
    );
    const all = await auditRecords(database, { limit: 100 });
    expect(all.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, i) => 20 - i));
    const theirs = all.filter(({ actor, id }) => actor === 'a1' && id < 10).slice(0, 2);
    expect(await auditRecords(database, { actor: 'a1', before: 10, limit: 2 })).toEqual(theirs);
    expect(await auditChain(database)).toEqual({ entries: 20, brokenAt: undefined });
    for (const text of ["UPDATE ops.audit SET actor = 'x'", 'DELETE FROM ops.audit', 'TRUNCATE ops.audit'])
      await expect(database.run(text)).rejects.toThrow();
    // Somebody who owns the database can still do it; then the chain tells.
    await database.run(`ALTER TABLE ops.audit DISABLE TRIGGER USER; GRANT UPDATE, DELETE ON ops.audit TO CURRENT_USER`);
    await database.run(`UPDATE ops.audit SET actor = 'somebody else' WHERE id = 7`);
    expect(await auditChain(database)).toEqual({ entries: 20, brokenAt: 7 });
    await database.run(`UPDATE ops.audit SET actor = 'a0' WHERE id = 7; DELETE FROM ops.audit WHERE id = 20`);
    expect((await auditChain(database)).brokenAt).toBeDefined();
  } finally {
    await database.close();
    await fresh.drop();
  }
});
