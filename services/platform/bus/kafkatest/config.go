package kafkatest

import (
	"fmt"
	"os"
	"slices"
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

// guard replaces the plain listener: the port wants TLS and a login, and a
// second one TLS and a certificate. Brokers speak to each other with a login.
const guard = `listeners=SASL_SSL://127.0.0.1:%[1]d,SSL://127.0.0.1:%[2]d,CONTROLLER://127.0.0.1:%[3]d
advertised.listeners=SASL_SSL://127.0.0.1:%[1]d,SSL://127.0.0.1:%[2]d
listener.security.protocol.map=SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_SSL
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required%[4]s;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=%[5]s
ssl.truststore.type=PEM
ssl.truststore.location=%[6]s
listener.name.ssl.ssl.client.auth=required
`

// Guard is how a broker knows its clients and they know it.
type Guard struct {
	// Certificate, Key and CA are paths of PEM files. The certificate is for
	// 127.0.0.1; the CA signed it, and those of clients.
	Certificate, Key, CA string
	// User and Password log in, with each mechanism.
	User, Password string
}

// settings are those of the broker.
func (g *Guard) settings(s *Server) (string, error) {
	certificate, err := os.ReadFile(g.Certificate)
	if err != nil {
		return "", err
	}
	key, err := os.ReadFile(g.Key)
	if err != nil {
		return "", err
	}
	store := s.path("broker.pem")
	if err := os.WriteFile(store, slices.Concat(key, certificate), 0o600); err != nil {
		return "", err
	}
	login := fmt.Sprintf(` username=%[1]q password=%[2]q user_%[1]s=%[2]q`, g.User, g.Password)
	return fmt.Sprintf(guard, s.port, s.mutual, s.controller, login, store, g.CA), nil
}

// users are arguments of the storage tool, which keeps SCRAM users.
func (g *Guard) users() []string {
	var args []string
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, g.User, g.Password))
	}
	return args
}

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
	if s.guard != nil {
		more, err := s.guard.settings(s)
		if err != nil {
			return err
		}
		settings += more // of two values of a name the last one counts
	}
	if err := os.WriteFile(s.path("server.properties"), []byte(settings), 0o644); err != nil {
		return err
	}
	return os.WriteFile(s.path("log4j2.properties"), []byte(logging), 0o644)
}
