// Appends three orders of four events each with Emmett: node emmett_sqlite.mjs FILE
import { getSQLiteEventStore } from '@event-driven-io/emmett-sqlite';

const store = getSQLiteEventStore({ fileName: process.argv[2], schema: { autoMigration: 'CreateOrUpdate' } });

// Emmett creates its tables with the first append. On a busy machine that append may meet their creation.
async function append(stream, events) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await store.appendToStream(stream, events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' });
    } catch (error) {
      if (error.code !== 'SQLITE_BUSY' || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

for (let order = 0; order < 3; order++) {
  const events = Array.from({ length: 4 }, (_, number) => ({
    type: number === 0 ? 'OrderPlaced' : 'LineAdded',
    data: { orderId: `order-${order}`, amount: 12.5 + number },
    metadata: { correlationId: `c${order}` },
  }));
  await append(`order-${order}`, events);
}
