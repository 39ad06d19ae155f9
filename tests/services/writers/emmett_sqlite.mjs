// Appends three orders of four events each with Emmett: node emmett_sqlite.mjs FILE
import { getSQLiteEventStore } from '@event-driven-io/emmett-sqlite';

const store = getSQLiteEventStore({ fileName: process.argv[2], schema: { autoMigration: 'CreateOrUpdate' } });
for (let order = 0; order < 3; order++) {
  const events = Array.from({ length: 4 }, (_, number) => ({
    type: number === 0 ? 'OrderPlaced' : 'LineAdded',
    data: { orderId: `order-${order}`, amount: 12.5 + number },
    metadata: { correlationId: `c${order}` },
  }));
  await store.appendToStream(`order-${order}`, events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' });
}
