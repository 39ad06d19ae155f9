import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;

/**
 * Writes the changes of tables of PostgreSQL as lines of JSON to stdout, with Debezium's embedded engine:
 * java Changes HOST PORT USER DATABASE SCHEMA COUNT; it ends after so many changes.
 */
public class Changes {
  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    settings.put("name", "changes");
    settings.put("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
    settings.put("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
    settings.put("database.hostname", arguments[0]);
    settings.put("database.port", arguments[1]);
    settings.put("database.user", arguments[2]);
    settings.put("database.password", "");
    settings.put("database.dbname", arguments[3]);
    settings.put("schema.include.list", arguments[4]);
    settings.put("topic.prefix", "shop");
    settings.put("plugin.name", "pgoutput");
    settings.put("publication.autocreate.mode", "filtered");
    settings.put("slot.drop.on.stop", "true");
    settings.put("tombstones.on.delete", "false");
    settings.put("decimal.handling.mode", "string");
    settings.put("key.converter.schemas.enable", "false");
    settings.put("value.converter.schemas.enable", "false");
    PrintStream lines = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    CountDownLatch left = new CountDownLatch(Integer.parseInt(arguments[5]));
    DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
      .using(settings)
      .using((isSuccess, message, error) -> {
        if (!isSuccess) {
          System.err.println(message + " " + error);
          System.exit(1);
        }
      })
      .notifying(change -> {
        lines.println("{\"key\":" + change.key() + ",\"value\":" + change.value() + "}");
        left.countDown();
      })
      .build();
    var threads = Executors.newSingleThreadExecutor();
    threads.execute(engine);
    left.await();
    engine.close();
    threads.shutdown();
    System.exit(0);
  }
}
