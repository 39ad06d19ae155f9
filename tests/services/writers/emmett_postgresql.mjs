// Appends three orders of four events each with Emmett: node emmett_postgresql.mjs URL
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';

const store = getPostgreSQLEventStore(process.argv[2]);
await store.schema.migrate();
for (let order = 0; order < 3; order++) {
  const events = Array.from({ length: 4 }, (_, number) => ({
    type: number === 0 ? 'OrderPlaced' : 'LineAdded',
    data: { orderId: `order-${order}`, amount: 12.5 + number },
    metadata: { correlationId: `c${order}` },
  }));
  await store.appendToStream(`order-${order}`, events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' });
}
await store.close();
