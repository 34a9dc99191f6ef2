import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createToken } from '../../../services/database/tokens.ts';
import { at } from '../door.ts';
import { called, codes, guardedDoor, type MapsHouse, mapsHouse, PATIENT } from './maps-house.ts';

let house: MapsHouse;
beforeAll(async () => {
  house = await mapsHouse();
});
afterAll(() => house[Symbol.asyncDispose]());

const edited = (): string => house.edited();

describe('a token', () => {
  it('may do what its roles say, and nothing without one', async () => {
    const guarded = await guardedDoor(house);
    try {
      const bearer = async (...roles: Parameters<typeof createToken>[2] & object) => ({
        authorization: `Bearer ${(await createToken(house.database, roles.join() || 'none', roles)).token}`,
      });
      const draft = { title: 'x' };
      expect((await called(guarded.url, 'GET', '/maps', undefined, {})).status).toBe(401);
      expect((await called(guarded.url, 'GET', '/maps', undefined, await bearer())).status).toBe(403);
      expect((await called(guarded.url, 'GET', '/maps', undefined, await bearer('reader'))).status).toBe(200);
      expect((await called(guarded.url, 'POST', '/maps/drafts', draft, await bearer('reader'))).status).toBe(403);
      expect((await called(guarded.url, 'POST', '/maps/drafts', draft, await bearer('author'))).status).toBe(201);
      const rollback = { release: 2, reason: 'x' };
      expect((await called(guarded.url, 'POST', '/maps/rollback', rollback, await bearer('author', 'operator', 'reader'))).status).toBe(
        403,
      );
      expect((await called(guarded.url, 'GET', '/audit', undefined, await bearer('author'))).status).toBe(403);
      expect((await called(guarded.url, 'GET', '/audit', undefined, await bearer('operator'))).status).toBe(200);
    } finally {
      await guarded.close();
    }
  });
});

describe('a second person', () => {
  it('publishes where the settings ask for one: whoever wrote something of the draft may not, by no token', async () => {
    const parts = { ...house.parts, fourEyes: { codes: false, publication: true } };
    const guarded = await guardedDoor(house, parts);
    try {
      const bearer = async (name: string, person: string) => ({
        authorization: `Bearer ${(await createToken(house.database, name, ['author', 'approver'], person)).token}`,
      });
      const [ana, laptop, ben] = [await bearer('ana', 'ana'), await bearer('a laptop', 'Ana'), await bearer('ben', 'ben')];
      const made = await called(
        guarded.url,
        'POST',
        '/maps/drafts',
        { title: 'four eyes', files: [{ path: PATIENT, text: edited() }] },
        ana,
      );
      const path = `/maps/drafts/${at(made.body, 'id')}`;
      const publish = async (who: { readonly authorization: string }): Promise<readonly unknown[]> =>
        codes((await called(guarded.url, 'POST', `${path}/publish`, { plan: 1, reason: 'x', acknowledge: {} }, who)).body);
      expect([await publish(ana), await publish(laptop)]).toEqual([['spec-same-person'], ['spec-same-person']]);
      expect(await publish(ben)).not.toContain('spec-same-person');
      // Writing over what somebody else wrote makes one of both authors, and neither publishes.
      const raised = edited().replace('1.0.1', '1.0.7');
      expect((await called(guarded.url, 'PUT', `${path}/file/${PATIENT}`, raised, { ...ben, 'if-match': 'W/"1"' })).status).toBe(200);
      expect([await publish(ana), await publish(ben)]).toEqual([['spec-same-person'], ['spec-same-person']]);
    } finally {
      await guarded.close();
    }
  });
});
