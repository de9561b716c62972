package kafkatest

import (
	"fmt"
	"os"
)

// properties: one process is broker and controller. offsets.retention.minutes
// is as long as dead letters are kept, for the record of what was replayed.
const properties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=%[3]s
auto.create.topics.enable=false
num.partitions=4
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
offsets.retention.minutes=43200
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`

const logging = `rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
`

func (s *Server) configure() error {
	if err := os.MkdirAll(s.path("data"), 0o755); err != nil {
		return err
	}
	settings := fmt.Sprintf(properties, s.port, s.controller, s.path("data"))
	if err := os.WriteFile(s.path("server.properties"), []byte(settings), 0o644); err != nil {
		return err
	}
	return os.WriteFile(s.path("log4j2.properties"), []byte(logging), 0o644)
}
