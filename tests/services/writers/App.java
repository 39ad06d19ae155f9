import java.sql.*; import java.util.*;
import org.axonframework.common.jdbc.*; import org.axonframework.common.transaction.*;
import org.axonframework.eventhandling.*; import org.axonframework.eventsourcing.eventstore.*;
import org.axonframework.eventsourcing.eventstore.jdbc.*;
import org.axonframework.messaging.MetaData;
import org.axonframework.serialization.json.JacksonSerializer;

/** Appends three orders of four events each with Axon Framework: java App JDBC_URL */
public class App {
  public record OrderPlaced(String orderId, double amount) {}
  public record LineAdded(String orderId, double amount) {}

  public static void main(String[] arguments) throws Exception {
    ConnectionProvider connections = () -> DriverManager.getConnection(arguments[0]);
    JacksonSerializer serializer = JacksonSerializer.defaultSerializer();
    var engine = JdbcEventStorageEngine.builder()
      .connectionProvider(connections).transactionManager(NoTransactionManager.INSTANCE)
      .eventSerializer(serializer).snapshotSerializer(serializer)
      .persistenceExceptionResolver(new JdbcSQLErrorCodesResolver()).build();
    engine.createSchema(PostgresEventTableFactory.INSTANCE);
    for (int order = 0; order < 3; order++) {
      List<EventMessage<?>> events = new ArrayList<>();
      for (int number = 0; number < 4; number++) {
        String id = "order-" + order;
        Object payload = number == 0 ? new OrderPlaced(id, 12.5) : new LineAdded(id, 12.5 + number);
        events.add(new GenericDomainEventMessage<>("Order", id, number, payload, MetaData.with("correlationId", "c" + order)));
      }
      engine.appendEvents(events);
    }
  }
}
